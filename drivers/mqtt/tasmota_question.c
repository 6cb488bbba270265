/* Asking modules for their state, which they do not retain: one message a time, so that a house full of them does not
   answer at once. */
#include "mqtt/tasmota_internal.h"

#define QUESTION_EVERY_MS 10u
#define FIRST_QUESTION_MS 300u /* a module says that it is there before it listens (MqttConnected) */
#define AGAIN_FIRST_MS 30000u  /* those that have not answered are asked again, then at twice that, */
#define AGAIN_LAST_MS 3600000u /* and so on up to an hour */

static bool answers(const struct tasmota_module *module)
{
    return module->reach != LIGHT_REACH_OFFLINE && !module->displaced;
}

void tasmota_question_ask(struct tasmota_module *module)
{
    struct tasmota *t = module->tasmota;
    if (module->questioned || !t->dialect.broker->up || !answers(module)) {
        return;
    }
    module->questioned = true;
    module->next_question = NULL;
    if (t->last_question) {
        t->last_question->next_question = module;
    } else {
        t->first_question = module;
        timer_start(t->question, FIRST_QUESTION_MS);
    }
    t->last_question = module;
}

static void ask_all(struct tasmota *t, bool again)
{
    for (struct tasmota_module *m = tasmota_modules_next(&t->modules, NULL); m;
         m = tasmota_modules_next(&t->modules, m)) {
        if (!again || !m->heard) {
            tasmota_question_ask(m);
        }
    }
}

void tasmota_question_ask_all(struct tasmota *t)
{
    t->question_rounds = 0;
    ask_all(t, false);
}

/* Nobody is left to be asked, but some have perhaps not answered. */
static void rest(struct tasmota *t)
{
    uint64_t pause = (uint64_t)AGAIN_FIRST_MS << (t->question_rounds < 8 ? t->question_rounds : 8);
    for (struct tasmota_module *m = tasmota_modules_next(&t->modules, NULL); m;
         m = tasmota_modules_next(&t->modules, m)) {
        if (!m->heard && answers(m)) {
            t->question_rounds++;
            timer_start(t->question, pause < AGAIN_LAST_MS ? pause : AGAIN_LAST_MS);
            return;
        }
    }
}

static struct tasmota_module *take_first(struct tasmota *t)
{
    struct tasmota_module *module = t->first_question;
    if (module) {
        t->first_question = module->next_question;
        t->last_question = t->first_question ? t->last_question : NULL;
        module->questioned = false;
    }
    return module;
}

void tasmota_question_forget(struct tasmota_module *module)
{
    struct tasmota *t = module->tasmota;
    struct tasmota_module *before = NULL;
    if (!module->questioned) {
        return;
    }
    for (struct tasmota_module *m = t->first_question; m != module; m = m->next_question) {
        before = m;
    }
    *(before ? &before->next_question : &t->first_question) = module->next_question;
    t->last_question = t->last_question == module ? before : t->last_question;
    module->questioned = false;
}

void tasmota_question_forget_all(struct tasmota *t)
{
    while (take_first(t)) {
    }
    timer_stop(t->question);
}

void tasmota_question_due(void *user)
{
    struct tasmota *t = user;
    if (!t->first_question) {
        ask_all(t, true);
    }
    struct tasmota_module *module = take_first(t);
    if (module) {
        str_clear(&t->topic);
        str_printf(&t->topic, "%sSTATE", module->cmnd);
        str_clear(&t->payload);
        (void)connection_publish(t->dialect.broker->connection, str_z(&t->topic), &t->payload, NULL);
    }
    if (t->first_question) {
        timer_start(t->question, QUESTION_EVERY_MS);
    } else {
        rest(t);
    }
}
