#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure.h"
#include "wire.h"

#define READ_BYTES (256u * 1024)

/* MQTT 3.1.1, section 2.2.1: type and flags in the first byte. */
enum { CONNECT = 0x10, CONNACK = 0x20, PUBLISH = 0x30, SUBSCRIBE = 0x82, SUBACK = 0x90 };

static void add_u16(struct str *s, size_t value)
{
    str_add_char(s, (char)(value >> 8));
    str_add_char(s, (char)value);
}

static void add_text(struct str *s, const char *text)
{
    add_u16(s, strlen(text));
    str_add_z(s, text);
}

/* Section 2.2.3: seven bits a byte, the lowest first. */
static void add_header(struct str *s, int type, size_t remaining)
{
    str_add_char(s, (char)type);
    do {
        str_add_char(s, (char)((remaining & 0x7f) | (remaining > 0x7f ? 0x80 : 0)));
        remaining >>= 7;
    } while (remaining > 0);
}

/* The packet at the start of bytes: its whole length and where its body begins; 0 where it is not complete. */
static size_t packet(const unsigned char *bytes, size_t len, size_t *ret_body)
{
    size_t remaining = 0;
    for (size_t i = 1; i < len && i <= 4; i++) {
        remaining |= (size_t)(bytes[i] & 0x7f) << (7 * (i - 1));
        if (!(bytes[i] & 0x80)) {
            *ret_body = i + 1;
            return len >= i + 1 + remaining ? i + 1 + remaining : 0;
        }
    }
    return 0;
}

static void receive(struct mqtt_wire *m)
{
    char *to = str_reserve(&m->in, READ_BYTES);
    ssize_t n = recv(m->fd, to, READ_BYTES, 0);
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
        fail("the broker's connection broke: %s", n == 0 ? "it was closed" : strerror(errno));
    }
    m->in.len += n > 0 ? (size_t)n : 0;
}

/* Takes in whole packets until one of the wanted type has come; what else comes meanwhile is dropped. */
static void await(struct mqtt_wire *m, int type)
{
    for (;;) {
        size_t body, whole = packet((const unsigned char *)str_z(&m->in), m->in.len, &body);
        if (whole == 0) {
            receive(m);
            continue;
        }
        bool found = ((unsigned char)m->in.data[0] & 0xf0) == type;
        bool refused = found && m->in.data[whole - 1] != 0;
        m->in.len -= whole;
        memmove(m->in.data, m->in.data + whole, m->in.len);
        if (refused) {
            fail("the broker refused a packet of type 0x%02x", (unsigned)type);
        }
        if (found) {
            return;
        }
    }
}

void mqtt_wire_open(struct mqtt_wire *m, unsigned port, const char *client_id, const char *topic)
{
    *m = (struct mqtt_wire){.fd = wire_connect(port)};
    if (m->fd < 0) {
        fail("no broker on 127.0.0.1:%u", port);
    }
    add_header(&m->out, CONNECT, 10 + 2 + strlen(client_id));
    add_text(&m->out, "MQTT");
    str_add(&m->out, "\x04\x02\x00\x00", 4); /* level 4, clean session, no keepalive */
    add_text(&m->out, client_id);
    mqtt_wire_flush(m);
    await(m, CONNACK);
    if (topic) {
        add_header(&m->out, SUBSCRIBE, 2 + 2 + strlen(topic) + 1);
        add_u16(&m->out, 1);
        add_text(&m->out, topic);
        str_add_char(&m->out, 0);
        mqtt_wire_flush(m);
        await(m, SUBACK);
    }
}

void mqtt_wire_close(struct mqtt_wire *m)
{
    (void)close(m->fd);
    str_done(&m->out);
    str_done(&m->in);
}

void mqtt_wire_add(struct mqtt_wire *m, const char *topic, const struct str *payload)
{
    add_header(&m->out, PUBLISH, 2 + strlen(topic) + payload->len);
    add_text(&m->out, topic);
    str_add(&m->out, payload->data, payload->len);
}

void mqtt_wire_flush(struct mqtt_wire *m)
{
    wire_write(m->fd, m->out.data, m->out.len);
    str_clear(&m->out);
}

void mqtt_wire_read(struct mqtt_wire *m, mqtt_wire_fn *fn, void *user)
{
    size_t at = 0, whole, body;
    receive(m);
    while ((whole = packet((const unsigned char *)m->in.data + at, m->in.len - at, &body)) > 0) {
        const char *p = m->in.data + at;
        size_t rest = whole - body;
        if (((unsigned char)p[0] & 0xf0) == PUBLISH && rest >= 2) {
            size_t topic_len = (size_t)(unsigned char)p[body] << 8 | (unsigned char)p[body + 1];
            if (topic_len + 2 <= rest) {
                fn(user, p + body + 2, topic_len, p + body + 2 + topic_len, rest - 2 - topic_len);
            }
        }
        at += whole;
    }
    m->in.len -= at;
    memmove(m->in.data, m->in.data + at, m->in.len);
}
