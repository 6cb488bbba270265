/* The cases of the contract. contract.h says what a subject is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/log.h"
#include "base/secrets.h"
#include "contract.h"
#include "fetch/fetch.h"
#include "hub/hub.h"
#include "loop/loop.h"
#include "model/light.h"
#include "store/store.h"

#define STORM 64u

static const struct light_tolerance tolerance = {.level = 60, .kelvin_mired = 2, .hue = 300, .saturation = 300};

/* ---- one bridge in small ---- */

struct seen {
    unsigned states, switched, levels, reached, listed, removed, failed;
};

struct bench {
    struct loop *loop;
    struct store *store;
    struct fetch *fetch;
    struct hub *hub;
    void *far;
    struct timer *pulse; /* so that waiting never sleeps past its patience */
    struct light *lights[CONTRACT_LAMPS];
    struct hub_listener *listener;
    struct seen seen[CONTRACT_LAMPS];
};

/* What came back for one hub_apply. */
struct answer {
    unsigned done;
    size_t count;
    struct hub_result results[CONTRACT_LAMPS];
};

static void pulse(void *user)
{
    (void)user;
}

static void turn(struct bench *b, uint64_t since, const char *what, int line)
{
    if (loop_now(b->loop) - since > contract_subject.patience_ms) {
        fail_msg("line %d: waited %u ms in vain for: %s", line, contract_subject.patience_ms, what);
    }
    loop_turn(b->loop, true);
}

#define WAIT(b, condition)                                                                                             \
    do {                                                                                                               \
        uint64_t wait_since = loop_now((b)->loop);                                                                     \
        while (!(condition)) {                                                                                         \
            turn(b, wait_since, #condition, __LINE__);                                                                 \
        }                                                                                                              \
    } while (0)

/* For what must not come: gives it the time it would need. */
static void settle(struct bench *b, uint32_t ms)
{
    uint64_t since = loop_now(b->loop);
    while (loop_now(b->loop) - since < ms) {
        loop_turn(b->loop, true);
    }
}

static void act(struct bench *b, enum contract_act what, size_t lamp)
{
    contract_subject.act(b->far, what, lamp);
}

static struct light_info info(const struct bench *b, size_t lamp)
{
    struct light_info i;
    hub_light_info(b->lights[lamp], &i);
    return i;
}

static void take_event(void *user, const struct hub_event *e)
{
    struct bench *b = user;
    for (size_t i = 0; i < CONTRACT_LAMPS; i++) {
        if (b->lights[i] == e->light) {
            struct seen *s = &b->seen[i];
            s->states += e->kind == HUB_EVENT_STATE;
            s->switched += e->kind == HUB_EVENT_STATE && (e->changed & LIGHT_ON);
            s->levels += e->kind == HUB_EVENT_STATE && (e->changed & LIGHT_LEVEL);
            s->reached += e->kind == HUB_EVENT_REACH;
            s->listed += e->kind == HUB_EVENT_LISTED;
            s->removed += e->kind == HUB_EVENT_REMOVED;
            s->failed += e->kind == HUB_EVENT_FAILED;
        }
    }
}

static void take_answer(void *user, const struct hub_result *results, size_t count)
{
    struct answer *a = user;
    a->done++;
    a->count = count;
    assert_true(count <= CONTRACT_LAMPS);
    for (size_t i = 0; i < count; i++) {
        a->results[i] = results[i];
        assert_true(results[i].result == 0 || results[i].why[0] != 0); /* a failure has a sentence */
        a->results[i].why = NULL;
    }
}

static bool find_lights(struct bench *b)
{
    size_t known = 0;
    for (size_t k = 0; k < CONTRACT_LAMPS; k++) {
        const char *address = contract_subject.address(b->far, k);
        for (size_t i = 0; i < hub_light_count(b->hub); i++) {
            struct light *light = hub_light_at(b->hub, i);
            struct light_info li;
            hub_light_info(light, &li);
            if (strcmp(li.address, address) == 0) {
                b->lights[k] = light;
                known += li.heard && li.reach == LIGHT_REACH_ONLINE && (li.reported.has & LIGHT_ON);
            }
        }
    }
    return known == CONTRACT_LAMPS;
}

static void setup(struct bench *b)
{
    static const uint8_t bridge_id[8] = "contract";
    const void *config = NULL;
    memset(b, 0, sizeof *b);
    assert_int_equal(loop_new(&b->loop), 0);
    assert_int_equal(store_open(b->loop, &(struct store_config){.path = ":memory:"}, &b->store), 0);
    assert_int_equal(fetch_new(b->loop, &b->fetch), 0);
    assert_int_equal(hub_new(b->loop, b->store, b->fetch,
                             &(struct hub_config){.bridge_id = bridge_id, .deadline_ms = contract_subject.deadline_ms},
                             &b->hub),
                     0);
    b->pulse = timer_new(b->loop, pulse, NULL);
    timer_repeat(b->pulse, 5);
    assert_int_equal(contract_subject.start(b->loop, contract_subject.deadline_ms, &b->far, &config), 0);
    assert_int_equal(hub_add_driver(b->hub, contract_subject.ops, contract_subject.instance, config), 0);
    WAIT(b, find_lights(b));
    b->listener = hub_listen(b->hub, take_event, b);
    settle(b, 20);
    memset(b->seen, 0, sizeof b->seen);
}

static void close_hub(struct bench *b)
{
    hub_unlisten(b->listener);
    hub_free(b->hub);
    b->hub = NULL;
}

static void teardown(struct bench *b)
{
    if (b->hub) {
        close_hub(b);
    }
    fetch_free(b->fetch);
    contract_subject.stop(b->far);
    b->far = NULL;
    store_close(b->store);
    timer_free(b->pulse);
    loop_free(b->loop);
}

/* ---- commands ---- */

static struct light_state switch_to(bool on)
{
    return (struct light_state){.has = LIGHT_ON, .on = on};
}

static struct light_state dim_to(uint16_t level)
{
    return (struct light_state){.has = LIGHT_ON | LIGHT_LEVEL, .on = true, .level = level};
}

static void ask(struct bench *b, size_t lamp, struct light_state patch, uint32_t transition_ms, struct answer *a)
{
    struct hub_command c = {b->lights[lamp], patch, transition_ms};
    *a = (struct answer){0};
    hub_apply(b->hub, &c, 1, take_answer, a);
    assert_int_equal(a->done, 0); /* never from inside the call */
}

static int ask_and_wait(struct bench *b, size_t lamp, struct light_state patch, struct answer *a)
{
    ask(b, lamp, patch, 0, a);
    WAIT(b, a->done > 0);
    assert_int_equal(a->done, 1);
    assert_int_equal(a->count, 1);
    assert_ptr_equal(a->results[0].light, b->lights[lamp]);
    return a->results[0].result;
}

static void must_obey(struct bench *b, size_t lamp, struct light_state patch)
{
    struct answer a;
    assert_int_equal(ask_and_wait(b, lamp, patch, &a), 0);
    assert_int_equal(a.results[0].basis, contract_subject.basis);
    assert_true(light_confirms(&patch, &a.results[0].state, &tolerance));
    assert_int_equal(info(b, lamp).desired.has, 0);
}

static bool reports(const struct bench *b, size_t lamp, struct light_state patch)
{
    struct light_state reported = info(b, lamp).reported;
    return light_confirms(&patch, &reported, &tolerance);
}

/* After a far side was away the first commands may be lost: each still gets its one answer. */
static void obeys_again(struct bench *b, size_t lamp)
{
    uint64_t since = loop_now(b->loop);
    struct answer a;
    while (ask_and_wait(b, lamp, dim_to(6600), &a) != 0) {
        turn(b, since, "the lamp obeys again", __LINE__);
    }
    assert_true(reports(b, lamp, dim_to(6600)));
}

/* ---- the cases ---- */

static void answers_in_time(struct bench *b)
{
    struct hub_command commands[CONTRACT_LAMPS];
    for (int round = 0; round < 2; round++) {
        struct light_state patch = round == 0 ? dim_to(4200) : switch_to(false);
        struct answer a = {0};
        for (size_t i = 0; i < CONTRACT_LAMPS; i++) {
            commands[i] = (struct hub_command){b->lights[i], patch, 0};
        }
        hub_apply(b->hub, commands, CONTRACT_LAMPS, take_answer, &a);
        WAIT(b, a.done > 0);
        assert_int_equal(a.count, CONTRACT_LAMPS);
        for (size_t i = 0; i < CONTRACT_LAMPS; i++) {
            assert_int_equal(a.results[i].result, 0);
            assert_int_equal(a.results[i].basis, contract_subject.basis);
            assert_true(light_confirms(&patch, &a.results[i].state, &tolerance));
            WAIT(b, reports(b, i, patch));
        }
        settle(b, 50);
        assert_int_equal(a.done, 1);
    }
}

static void white_and_color(struct bench *b)
{
    struct light_state white = {.has = LIGHT_KELVIN, .kelvin = 3000};
    struct light_state color = {.has = LIGHT_COLOR, .hue = 12000, .saturation = 8000};
    must_obey(b, 0, switch_to(true));
    must_obey(b, 0, white);
    assert_int_equal(info(b, 0).reported.mode, LIGHT_MODE_WHITE);
    must_obey(b, 0, color);
    assert_int_equal(info(b, 0).reported.mode, LIGHT_MODE_COLOR);
    must_obey(b, 0, white);
    assert_int_equal(info(b, 0).reported.mode, LIGHT_MODE_WHITE);
}

static void transition(struct bench *b)
{
    struct answer a;
    must_obey(b, 1, dim_to(1000));
    settle(b, 50);
    unsigned levels = b->seen[1].levels;
    ask(b, 1, dim_to(9000), 300, &a);
    WAIT(b, a.done > 0);
    assert_int_equal(a.results[0].result, 0);
    assert_true(a.results[0].state.level >= 8940);
    WAIT(b, b->seen[1].levels > levels);
    assert_true(reports(b, 1, dim_to(9000)));
    settle(b, 200);
    assert_int_equal(b->seen[1].levels, levels + 1); /* the steps in between were not told */
}

static void offline_lamp(struct bench *b)
{
    struct answer a;
    act(b, CONTRACT_OFFLINE, 2);
    WAIT(b, info(b, 2).reach == LIGHT_REACH_OFFLINE && b->seen[2].reached == 1);
    assert_int_equal(ask_and_wait(b, 2, switch_to(true), &a), ERR_OFFLINE);
    assert_false(info(b, 2).reported.on);
    must_obey(b, 1, switch_to(true)); /* the others do not care */
    act(b, CONTRACT_ONLINE, 2);
    WAIT(b, info(b, 2).reach == LIGHT_REACH_ONLINE);
    must_obey(b, 2, switch_to(true));
}

static void silent_lamp(struct bench *b)
{
    struct answer a = {0};
    act(b, CONTRACT_SILENT, 1);
    struct hub_command both[] = {{b->lights[1], switch_to(true), 0}, {b->lights[2], switch_to(true), 0}};
    hub_apply(b->hub, both, 2, take_answer, &a);
    WAIT(b, a.done > 0);
    assert_int_equal(a.results[0].result, ERR_TIMEOUT);
    assert_int_equal(a.results[1].result, 0);
    assert_int_equal(info(b, 1).desired.has, 0);
    assert_false(info(b, 1).reported.on); /* nobody made it up */
    assert_int_equal(ask_and_wait(b, 1, switch_to(true), &a), ERR_TIMEOUT);
    WAIT(b, b->seen[1].failed == 2);
    assert_int_equal(info(b, 1).reach, LIGHT_REACH_ONLINE); /* its availability says so */
    act(b, CONTRACT_WELL, 1);
    must_obey(b, 1, switch_to(true));
}

static void silent_without_availability(struct bench *b)
{
    struct answer a;
    act(b, CONTRACT_SILENT, CONTRACT_PLAIN);
    assert_int_equal(ask_and_wait(b, CONTRACT_PLAIN, switch_to(true), &a), ERR_TIMEOUT);
    assert_int_equal(info(b, CONTRACT_PLAIN).reach, LIGHT_REACH_ONLINE);
    assert_int_equal(ask_and_wait(b, CONTRACT_PLAIN, switch_to(true), &a), ERR_TIMEOUT);
    assert_int_equal(info(b, CONTRACT_PLAIN).reach, LIGHT_REACH_OFFLINE);
    assert_int_equal(ask_and_wait(b, CONTRACT_PLAIN, switch_to(true), &a), ERR_OFFLINE);
    act(b, CONTRACT_WELL, CONTRACT_PLAIN);
    act(b, CONTRACT_WALL, CONTRACT_PLAIN);
    WAIT(b, info(b, CONTRACT_PLAIN).reach == LIGHT_REACH_ONLINE);
    must_obey(b, CONTRACT_PLAIN, dim_to(5000));
}

static void slow_lamp(struct bench *b)
{
    act(b, CONTRACT_SLOW, 3);
    must_obey(b, 3, dim_to(7000));
}

static void late_answer(struct bench *b)
{
    struct answer a;
    act(b, CONTRACT_LATE, 3);
    assert_int_equal(ask_and_wait(b, 3, dim_to(7000), &a), ERR_TIMEOUT);
    assert_int_equal(info(b, 3).desired.has, 0);
    unsigned states = b->seen[3].states;
    WAIT(b, reports(b, 3, dim_to(7000))); /* what it says later goes out as a change */
    WAIT(b, b->seen[3].states > states);
    settle(b, 50);
    assert_int_equal(a.done, 1);
}

static void duplicate_answers(struct bench *b)
{
    act(b, CONTRACT_DUPLICATE, 3);
    for (unsigned i = 1; i <= 4; i++) {
        must_obey(b, 3, switch_to(i % 2 == 1));
        settle(b, 50);
        assert_int_equal(b->seen[3].switched, i);
    }
}

static void stale_report(struct bench *b)
{
    act(b, CONTRACT_STALE, 4);
    must_obey(b, 4, dim_to(3000));
    must_obey(b, 4, dim_to(8000));
    must_obey(b, 4, switch_to(false));
    must_obey(b, 4, switch_to(true));
    if (info(b, 0).profile.can & LIGHT_KELVIN) {
        act(b, CONTRACT_STALE, 0);
        must_obey(b, 0, (struct light_state){.has = LIGHT_ON | LIGHT_COLOR, .on = true, .hue = 0, .saturation = 9000});
        must_obey(b, 0, (struct light_state){.has = LIGHT_KELVIN, .kelvin = 4000});
    }
}

static void wall_switch(struct bench *b)
{
    act(b, CONTRACT_WALL, 5);
    WAIT(b, b->seen[5].switched == 1);
    assert_true(info(b, 5).reported.on);
    act(b, CONTRACT_WALL, 5);
    WAIT(b, b->seen[5].switched == 2);
    assert_false(info(b, 5).reported.on);
    must_obey(b, 5, switch_to(true));
}

static void lost_transport(struct bench *b)
{
    struct answer under_way;
    struct answer a;
    act(b, CONTRACT_SILENT, 1);
    ask(b, 1, switch_to(true), 0, &under_way);
    act(b, CONTRACT_LOSE, 0);
    WAIT(b, under_way.done > 0);
    assert_int_not_equal(under_way.results[0].result, 0);
    for (size_t i = 0; i < CONTRACT_LAMPS; i++) {
        WAIT(b, info(b, i).reach == LIGHT_REACH_OFFLINE);
    }
    assert_int_equal(ask_and_wait(b, 2, switch_to(true), &a), ERR_OFFLINE);
    act(b, CONTRACT_WELL, 1);
    act(b, CONTRACT_WALL, 5); /* nobody hears of it */
    act(b, CONTRACT_BACK, 0);
    for (size_t i = 0; i < CONTRACT_LAMPS; i++) {
        WAIT(b, info(b, i).reach == LIGHT_REACH_ONLINE);
    }
    WAIT(b, info(b, 5).reported.on); /* the states were asked for anew */
    assert_int_equal(under_way.done, 1);
    for (size_t i = 0; i < CONTRACT_LAMPS; i++) {
        obeys_again(b, i);
    }
}

static void far_side_restarts(struct bench *b)
{
    struct answer under_way;
    act(b, CONTRACT_SILENT, 1);
    ask(b, 1, switch_to(true), 0, &under_way);
    act(b, CONTRACT_RESTART, 0);
    WAIT(b, under_way.done > 0);
    assert_int_not_equal(under_way.results[0].result, 0);
    act(b, CONTRACT_WELL, 1);
    for (size_t i = 0; i < CONTRACT_LAMPS; i++) {
        WAIT(b, info(b, i).reach == LIGHT_REACH_ONLINE);
        obeys_again(b, i);
        assert_int_equal(b->seen[i].removed, 0); /* a restart removes nobody */
    }
    assert_int_equal(under_way.done, 1);
}

static void storm(struct bench *b)
{
    static struct answer answers[STORM];
    uint16_t last[CONTRACT_LAMPS] = {0};
    for (size_t i = 0; i < STORM; i++) {
        size_t lamp = i % CONTRACT_LAMPS;
        last[lamp] = (uint16_t)(1000 + 8000 * i / STORM);
        ask(b, lamp, dim_to(last[lamp]), 0, &answers[i]);
    }
    for (size_t i = 0; i < STORM; i++) {
        WAIT(b, answers[i].done > 0);
        assert_int_equal(answers[i].results[0].result, 0);
    }
    for (size_t i = 0; i < CONTRACT_LAMPS; i++) {
        WAIT(b, reports(b, i, dim_to(last[i])));
        assert_int_equal(info(b, i).desired.has, 0);
    }
    settle(b, 50);
    for (size_t i = 0; i < STORM; i++) {
        assert_int_equal(answers[i].done, 1);
    }
}

static void forgotten(void *user, int result)
{
    assert_int_equal(result, 0);
    *(bool *)user = true;
}

static void detach_during_command(struct bench *b)
{
    struct answer under_way;
    struct answer a;
    bool gone = false;
    act(b, CONTRACT_LATE, 3);
    ask(b, 3, switch_to(true), 0, &under_way);
    assert_int_equal(hub_light_forget(b->hub, b->lights[3], forgotten, &gone), 0);
    WAIT(b, gone && under_way.done > 0);
    assert_int_equal(under_way.results[0].result, ERR_ENDED);
    WAIT(b, b->seen[3].removed == 1);
    settle(b, 2 * contract_subject.deadline_ms); /* the late report finds nobody */
    assert_int_equal(under_way.done, 1);
    if (info(b, 3).removed) {
        assert_int_equal(ask_and_wait(b, 3, switch_to(true), &a), ERR_ENDED);
    }
    must_obey(b, 2, switch_to(true));
}

static void removed_and_joined(struct bench *b)
{
    struct answer under_way;
    struct answer a;
    act(b, CONTRACT_SILENT, 4);
    ask(b, 4, switch_to(true), 0, &under_way);
    loop_turn(b->loop, false);
    act(b, CONTRACT_REMOVE, 4);
    WAIT(b, under_way.done > 0 && info(b, 4).removed);
    assert_int_not_equal(under_way.results[0].result, 0);
    assert_int_equal(ask_and_wait(b, 4, switch_to(true), &a), ERR_ENDED);
    act(b, CONTRACT_WELL, 4);
    act(b, CONTRACT_JOIN, 4);
    WAIT(b, !info(b, 4).removed && b->seen[4].listed > 0); /* the same light: bench.lights still holds */
    obeys_again(b, 4);
    assert_int_equal(under_way.done, 1);
}

static void garbage(struct bench *b)
{
    struct light_state before = info(b, 1).reported;
    uint64_t count = hub_stats(b->hub).garbage;
    for (int i = 0; i < 3; i++) {
        act(b, CONTRACT_GARBAGE, 1);
    }
    WAIT(b, hub_stats(b->hub).garbage >= count + 3);
    struct light_state after = info(b, 1).reported;
    assert_true(light_equal(&before, &after));
    must_obey(b, 1, switch_to(true));
}

static void stop_during_command(struct bench *b)
{
    struct answer under_way;
    act(b, CONTRACT_LATE, 6);
    ask(b, 6, switch_to(true), 0, &under_way);
    loop_turn(b->loop, false);
    close_hub(b);
    assert_int_equal(under_way.done, 1);
    assert_int_equal(under_way.results[0].result, ERR_CANCELLED);
    settle(b, 50); /* whatever still comes finds nobody */
    assert_int_equal(under_way.done, 1);
}

#define NEEDS(act) (1u << CONTRACT_##act)
static const struct contract_case {
    const char *name;
    void (*run)(struct bench *b);
    uint32_t needs;
} cases[] = {
    {"answers in time, by the basis it promises", answers_in_time, 0},
    {"white and colour", white_and_color, 0},
    {"a transition is told once", transition, 0},
    {"an offline lamp", offline_lamp, NEEDS(OFFLINE) | NEEDS(ONLINE)},
    {"a silent lamp", silent_lamp, NEEDS(SILENT) | NEEDS(WELL)},
    {"a silent lamp without availability", silent_without_availability, NEEDS(SILENT) | NEEDS(WELL) | NEEDS(WALL)},
    {"a slow lamp", slow_lamp, NEEDS(SLOW)},
    {"a late answer", late_answer, NEEDS(LATE)},
    {"duplicate answers", duplicate_answers, NEEDS(DUPLICATE)},
    {"a stale state between command and echo", stale_report, NEEDS(STALE)},
    {"the switch on the wall", wall_switch, NEEDS(WALL)},
    {"the transport is lost and comes back", lost_transport,
     NEEDS(LOSE) | NEEDS(BACK) | NEEDS(SILENT) | NEEDS(WELL) | NEEDS(WALL)},
    {"the far side restarts", far_side_restarts, NEEDS(RESTART) | NEEDS(SILENT) | NEEDS(WELL)},
    {"a storm of commands", storm, 0},
    {"a light goes during a command", detach_during_command, NEEDS(LATE)},
    {"removed and joined again", removed_and_joined, NEEDS(REMOVE) | NEEDS(JOIN) | NEEDS(SILENT) | NEEDS(WELL)},
    {"garbage", garbage, NEEDS(GARBAGE)},
    {"the bridge stops during a command", stop_during_command, NEEDS(LATE)},
};
#define CASE_COUNT (sizeof cases / sizeof cases[0])

static struct bench bench;

/* A case that failed left in the middle, and its commands are gone with its stack: only the far side is ended, so that
   no broker goes on and no folder stays. */
static int after_failure(void **state)
{
    (void)state;
    if (bench.far) {
        contract_subject.stop(bench.far);
        bench.far = NULL;
    }
    return 0;
}

static void run_case(void **state)
{
    const struct contract_case *c = *state;
    for (unsigned what = 0; what < CONTRACT_ACTS; what++) {
        const char *reason = c->needs & (1u << what) ? contract_subject.lacks((enum contract_act)what) : NULL;
        if (reason) {
            print_message("skipped: %s: %s: %s\n", contract_subject.name, c->name, reason);
            skip();
        }
    }
    setup(&bench);
    c->run(&bench);
    teardown(&bench);
}

/* contract_NAME [PATTERN]: the cases whose names match, or all. */
int main(int argc, char **argv)
{
    struct CMUnitTest tests[CASE_COUNT];
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    if (secrets_init() != 0) {
        return 1;
    }
    log_set_level(LOG_LEVEL_ERROR);
    for (size_t i = 0; i < CASE_COUNT; i++) {
        tests[i] = (struct CMUnitTest){.name = cases[i].name,
                                       .test_func = run_case,
                                       .teardown_func = after_failure,
                                       .initial_state = (void *)(uintptr_t)&cases[i]};
    }
    return _cmocka_run_group_tests(contract_subject.name, tests, CASE_COUNT, NULL, NULL);
}
