/* Asking lamps for their state: one message a time, because every one of them is several over the radio. */
#include "base/secrets.h"
#include "mqtt/z2m_internal.h"

#define QUESTION_EVERY_MS 100u /* with jitter: 75..125 */
#define AGAIN_FIRST_MS 30000u  /* those that have not answered are asked again, then at twice that, */
#define AGAIN_LAST_MS 3600000u /* and so on up to an hour */

static void arm(struct z2m *z, uint64_t due)
{
    uint64_t now = loop_now(z->dialect.broker->loop);
    timer_start(z->question, due > now ? due - now : 0);
}

void z2m_question_ask(struct z2m *z, struct z2m_node *node)
{
    if (node->questioned || node->id[0] == '#' || !z->dialect.broker->up || z->bridge == BRIDGE_OFFLINE ||
        node->availability == LIGHT_REACH_OFFLINE) {
        return; /* a group is told by its members; of one that is not there the radio would only wait */
    }
    node->questioned = true;
    node->asked = 0;
    node->next_question = NULL;
    if (z->last_question) {
        z->last_question->next_question = node;
    } else {
        z->first_question = node;
        arm(z, z->next_question_at);
    }
    z->last_question = node;
}

static void ask_all(struct z2m *z, bool again)
{
    for (struct z2m_node *n = z2m_nodes_next(&z->nodes, NULL); n; n = z2m_nodes_next(&z->nodes, n)) {
        if (!again || !n->heard) {
            z2m_question_ask(z, n);
        }
    }
}

void z2m_question_ask_all(struct z2m *z)
{
    z->question_rounds = 0;
    ask_all(z, false);
}

/* Nobody is left to be asked, but some have perhaps not answered: the radio lost it, or somebody cut their power. */
static void rest(struct z2m *z)
{
    uint64_t pause = AGAIN_FIRST_MS << (z->question_rounds < 8 ? z->question_rounds : 8);
    for (struct z2m_node *n = z2m_nodes_next(&z->nodes, NULL); n; n = z2m_nodes_next(&z->nodes, n)) {
        if (!n->heard && n->id[0] != '#' && n->availability != LIGHT_REACH_OFFLINE) {
            z->question_rounds++;
            arm(z, loop_now(z->dialect.broker->loop) + (pause < AGAIN_LAST_MS ? pause : AGAIN_LAST_MS));
            return;
        }
    }
}

static void drop_first(struct z2m *z)
{
    struct z2m_node *node = z->first_question;
    z->first_question = node->next_question;
    if (!z->first_question) {
        z->last_question = NULL;
    }
    node->questioned = false;
}

void z2m_question_forget(struct z2m *z, struct z2m_node *node)
{
    struct z2m_node *before = NULL;
    for (struct z2m_node *n = z->first_question; n && n != node; n = n->next_question) {
        before = n;
    }
    if (!node->questioned) {
        return;
    }
    *(before ? &before->next_question : &z->first_question) = node->next_question;
    if (z->last_question == node) {
        z->last_question = before;
    }
    node->questioned = false;
}

void z2m_question_forget_all(struct z2m *z)
{
    while (z->first_question) {
        drop_first(z);
    }
    timer_stop(z->question);
}

/* One message of the first node; true if something was sent. */
static bool ask_first(struct z2m *z)
{
    struct z2m_node *node = z->first_question;
    bool sent = false;
    while (!sent && node->asked < node->count) {
        const struct z2m_slot *slot = node->slots[node->asked++];
        str_clear(&z->payload);
        z2m_write_get(&z->payload, slot->lamp);
        if (slot->way.light && z->payload.len > 0) {
            z2m_command_topic(z, node, "/get");
            sent = connection_publish(z->dialect.broker->connection, str_z(&z->topic), &z->payload, NULL) == 0;
        }
    }
    if (node->asked >= node->count) {
        drop_first(z);
    }
    return sent;
}

void z2m_question_due(void *user)
{
    struct z2m *z = user;
    uint8_t jitter;
    topics_flush(z->dialect.broker->topics); /* or the answer might come too early */
    if (!z->first_question) {
        ask_all(z, true);
    }
    while (z->first_question && !ask_first(z)) {
    }
    secrets_random(&jitter, sizeof jitter);
    z->next_question_at =
        loop_now(z->dialect.broker->loop) + QUESTION_EVERY_MS * 3 / 4 + jitter * QUESTION_EVERY_MS / 512;
    if (z->first_question) {
        arm(z, z->next_question_at);
    } else {
        rest(z);
    }
}
