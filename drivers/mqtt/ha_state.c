/* States: messages to what they say of the lamp. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/json.h"
#include "model/color.h"
#include "mqtt/ha_config.h"
#include "mqtt/ha_template.h"

/* As for Zigbee2MQTT, whose lamps may come this way too: an echo is rounded to the lamp's own steps, of which there may
   be a hundred. */
const struct light_tolerance ha_tolerance = {.level = 100, .kelvin_mired = 3, .hue = 600, .saturation = 800};

/* ---- values ---- */

static void set_level(const struct ha_lamp *lamp, double steps, struct light_state *s)
{
    if (!(steps > 0)) {
        /* Zero is no brightness; of a lamp that says nothing else it is off. */
        if ((lamp->silent & LIGHT_ON) && steps == 0) {
            s->has |= LIGHT_ON;
            s->on = false;
        }
        return;
    }
    uint32_t max = lamp->brightness_scale;
    uint32_t step = steps >= max ? max : steps < 1 ? 1 : (uint32_t)lround(steps);
    s->level = color_level_from_steps(step, max);
    s->has |= LIGHT_LEVEL;
    if (lamp->silent & LIGHT_ON) {
        s->has |= LIGHT_ON;
        s->on = true;
    }
}

static void set_kelvin(const struct ha_lamp *lamp, double value, struct light_state *s)
{
    if (value >= 1) {
        s->kelvin = color_kelvin_from_mired(lamp->kelvin ? 1e6 / value : value);
        s->has |= LIGHT_KELVIN | LIGHT_MODE;
        s->mode = LIGHT_MODE_WHITE;
    }
}

static uint8_t byte_of(double value)
{
    return value >= 255 ? 255 : value > 0 ? (uint8_t)lround(value) : 0;
}

/* The two whites are mixed linearly in mireds, the colder one at the least. Source: Home Assistant's util/color.py. */
static void set_whites(const struct ha_lamp *lamp, double cold, double warm, struct light_state *s)
{
    double coldest = 1e6 / lamp->profile.max_kelvin;
    double warmest = 1e6 / lamp->profile.min_kelvin;
    if (lamp->profile.min_kelvin > 0) {
        s->kelvin = color_kelvin_from_mired(warmest - (warmest - coldest) * cold / (cold + warm));
        s->has |= LIGHT_KELVIN | LIGHT_MODE;
        s->mode = LIGHT_MODE_WHITE;
    }
}

/* red, green, blue and the whites behind them; a white that burns along makes the colour paler. */
static void set_rgb(const struct ha_lamp *lamp, const double v[5], struct light_state *s)
{
    double most = 0, whitened = 0;
    double rgb[3];
    uint16_t value;
    double white = v[3] + v[4];
    for (size_t i = 0; i < 3; i++) {
        most = fmax(most, v[i]);
        rgb[i] = v[i] + white;
        whitened = fmax(whitened, rgb[i]);
    }
    most = fmax(most, fmax(v[3], v[4]));
    if (lamp->folded && most > 0) {
        set_level(lamp, most / 255 * lamp->brightness_scale, s);
    }
    if (lamp->color == HA_RGBWW && white > 0 && v[0] <= 0 && v[1] <= 0 && v[2] <= 0) {
        set_whites(lamp, v[3], v[4], s);
        return;
    }
    if (most > 0) {
        double scale = 255 / whitened; /* hue and saturation are the same at any brightness, and exacter at full */
        color_hs_from_rgb(byte_of(rgb[0] * scale), byte_of(rgb[1] * scale), byte_of(rgb[2] * scale), &s->hue,
                          &s->saturation, &value);
        s->has |= LIGHT_COLOR | LIGHT_MODE;
        s->mode = LIGHT_MODE_COLOR;
    }
}

static bool set_hs(double hue, double saturation, struct light_state *s)
{
    if (!(hue >= 0 && hue <= 360 && saturation >= 0)) {
        return false;
    }
    s->hue = (uint16_t)(lround(hue * 100) % (long)LIGHT_HUE_MAX);
    s->saturation = (uint16_t)(saturation >= 100 ? (long)LIGHT_SATURATION_MAX : lround(saturation * 100));
    s->has |= LIGHT_COLOR | LIGHT_MODE;
    s->mode = LIGHT_MODE_COLOR;
    return true;
}

static bool set_xy(double x, double y, struct light_state *s)
{
    if (!(x >= 0 && x <= 1 && y > 0 && y <= 1)) {
        return false;
    }
    color_hs_from_xy(x, y, &s->hue, &s->saturation);
    s->has |= LIGHT_COLOR | LIGHT_MODE;
    s->mode = LIGHT_MODE_COLOR;
    return true;
}

/* What a colour mode says: 0 nothing, else a light_mode + 1. */
static int mode_of(const char *text, size_t len)
{
    static const char *const colors[] = {"hs", "xy", "rgb", "rgbw", "rgbww", "rgbct"};
    static const char *const whites[] = {"color_temp", "cwww", "white"}; /* cwww is ESPHome's */
    for (size_t i = 0; i < sizeof colors / sizeof colors[0]; i++) {
        if (len == strlen(colors[i]) && memcmp(text, colors[i], len) == 0) {
            return 1 + LIGHT_MODE_COLOR;
        }
    }
    for (size_t i = 0; i < sizeof whites / sizeof whites[0]; i++) {
        if (len == strlen(whites[i]) && memcmp(text, whites[i], len) == 0) {
            return 1 + LIGHT_MODE_WHITE;
        }
    }
    return 0;
}

/* ---- the JSON schema ---- */

enum word { STATE, BRIGHTNESS, COLOR_TEMP, COLOR_MODE, COLOR, WORDS };
enum part { H, S, X, Y, R, G, B, W, C, PARTS };

static void read_parts(const struct json_bytes *color, double parts[PARTS])
{
    static const char *const names[] = {"h", "s", "x", "y", "r", "g", "b", "w", "c"};
    struct json_walk walk;
    struct json_bytes key, value;
    for (size_t i = 0; i < PARTS; i++) {
        parts[i] = -1;
    }
    if (!json_walk_into(&walk, color)) {
        return;
    }
    while (json_walk_next(&walk, &key, &value)) {
        for (size_t i = 0; i < PARTS; i++) {
            if (json_bytes_key(&key, names[i]) && json_bytes_number(&value, &parts[i]) != 0) {
                parts[i] = -1;
            }
        }
    }
}

/* In the form in which the lamp is told; otherwise in whatever there is. */
static void read_json_color(const struct ha_lamp *lamp, const struct json_bytes *color, struct light_state *s)
{
    double p[PARTS];
    read_parts(color, p);
    bool rgb = p[R] >= 0 && p[G] >= 0 && p[B] >= 0;
    bool whites = p[W] >= 0 || p[C] >= 0;
    if (lamp->color == HA_HS && set_hs(p[H], p[S], s)) {
        return;
    }
    if (lamp->color == HA_XY && set_xy(p[X], p[Y], s)) {
        return;
    }
    if (rgb || whites) {
        const double v[5] = {fmax(p[R], 0), fmax(p[G], 0), fmax(p[B], 0), p[C] >= 0 ? p[C] : fmax(p[W], 0),
                             p[C] >= 0 ? fmax(p[W], 0) : 0};
        set_rgb(lamp, v, s);
        return;
    }
    (void)(set_hs(p[H], p[S], s) || set_xy(p[X], p[Y], s));
}

static void put_together(const struct ha_lamp *lamp, const struct json_bytes words[WORDS], struct light_state *s)
{
    double number;
    const struct json_bytes *mode_word = &words[COLOR_MODE];
    int mode = mode_word->len > 2 ? mode_of(mode_word->at + 1, mode_word->len - 2) : 0;
    if (json_bytes_text(&words[STATE], "ON") || json_bytes_text(&words[STATE], "OFF")) {
        s->has |= LIGHT_ON;
        s->on = json_bytes_text(&words[STATE], "ON");
    }
    if (words[BRIGHTNESS].len > 0 && json_bytes_number(&words[BRIGHTNESS], &number) == 0) {
        set_level(lamp, number, s);
    }
    if (words[COLOR].len > 0 && mode != 1 + LIGHT_MODE_WHITE) {
        read_json_color(lamp, &words[COLOR], s);
    }
    /* Without a mode the temperature is the newer word: null while a colour is lit. */
    if (words[COLOR_TEMP].len > 0 && mode != 1 + LIGHT_MODE_COLOR &&
        json_bytes_number(&words[COLOR_TEMP], &number) == 0) {
        set_kelvin(lamp, number, s);
    } else if (words[COLOR].len > 0 && mode == 1 + LIGHT_MODE_WHITE && lamp->color == HA_RGBWW) {
        read_json_color(lamp, &words[COLOR], s);
    }
    if (mode > 0 && !(s->has & LIGHT_MODE)) { /* two whites that are mixed are white, though the mode is rgbww */
        s->has |= LIGHT_MODE;
        s->mode = (uint8_t)(mode - 1);
    }
}

static int read_json(const struct ha_lamp *lamp, const char *bytes, size_t len, struct light_state *s)
{
    static const char *const names[WORDS] = {"state", "brightness", "color_temp", "color_mode", "color"};
    struct json_bytes words[WORDS] = {0};
    struct json_bytes key, value;
    struct json_walk walk;
    int err = json_walk_init(&walk, bytes, len, HA_MAX_STATE, NULL);
    if (err != 0) {
        return err;
    }
    while (json_walk_next(&walk, &key, &value)) {
        for (size_t i = 0; i < WORDS; i++) {
            if (json_bytes_key(&key, names[i])) {
                words[i] = value;
            }
        }
    }
    put_together(lamp, words, s);
    return 0;
}

/* ---- the other schemas ---- */

/* One message, and what templates make of it. */
struct message {
    struct ha_scope scope;
    struct json *root;
    struct str text;
};

/* Into m->text. */
static int render(struct message *m, const char *template)
{
    str_clear(&m->text);
    if (!template) {
        str_add(&m->text, m->scope.value, m->scope.len);
        return 0;
    }
    return ha_template_run(template, &m->scope, &m->text);
}

static bool numbers(const char *text, double *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *end;
        values[i] = strtod(text, &end);
        while (*end == ' ') {
            end++;
        }
        if (end == text || !isfinite(values[i]) || *end != (i + 1 < count ? ',' : 0)) {
            return false;
        }
        text = end + 1;
    }
    return true;
}

static bool same(const char *said, const char *meant)
{
    /* Python writes True what JSON writes true. */
    return meant && (strcmp(said, meant) == 0 || ((strcasecmp(meant, "true") == 0 || strcasecmp(meant, "false") == 0) &&
                                                  strcasecmp(said, meant) == 0));
}

static int read_on(const struct ha_lamp *lamp, const char *text, size_t on, size_t off, struct light_state *s)
{
    bool lit = same(text, ha_lamp_text(lamp, on));
    if (!lit && !same(text, ha_lamp_text(lamp, off))) {
        return strcmp(text, "None") == 0 ? 0 : ERR_INVALID; /* Home Assistant's word for unknown */
    }
    s->has |= LIGHT_ON;
    s->on = lit;
    return 0;
}

/* One channel of the default schema. */
static int read_channel(const struct ha_lamp *lamp, enum ha_channel channel, const char *text, struct light_state *s)
{
    double v[5] = {0};
    switch (channel) {
    case HA_STATE:
        return lamp->schema == HA_SCHEMA_SWITCH ? read_on(lamp, text, HA_STATE_ON, HA_STATE_OFF, s)
                                                : read_on(lamp, text, HA_PAYLOAD_ON, HA_PAYLOAD_OFF, s);
    case HA_BRIGHTNESS:
        if (!numbers(text, v, 1)) {
            return ERR_INVALID;
        }
        set_level(lamp, v[0], s);
        return 0;
    case HA_COLOR_TEMP:
        if (!numbers(text, v, 1)) {
            return ERR_INVALID;
        }
        set_kelvin(lamp, v[0], s);
        return 0;
    case HA_HS:
        return numbers(text, v, 2) && set_hs(v[0], v[1], s) ? 0 : ERR_INVALID;
    case HA_XY:
        return numbers(text, v, 2) && set_xy(v[0], v[1], s) ? 0 : ERR_INVALID;
    case HA_RGB:
    case HA_RGBW:
    case HA_RGBWW:
        if (!numbers(text, v, 3 + (size_t)(channel - HA_RGB))) {
            return ERR_INVALID;
        }
        set_rgb(lamp, v, s);
        return 0;
    case HA_COLOR_MODE: {
        int mode = mode_of(text, strlen(text));
        s->has |= mode > 0 ? LIGHT_MODE : 0u;
        s->mode = (uint8_t)(mode > 0 ? mode - 1 : s->mode);
        return 0;
    }
    case HA_CHANNELS:
        break;
    }
    return ERR_INVALID;
}

static int read_channels(const struct ha_lamp *lamp, uint32_t channels, struct message *m,
                         const struct light_state *known, struct light_state *s)
{
    int result = 0;
    for (size_t c = 0; c < HA_CHANNELS; c++) {
        if (!(channels & 1u << c)) {
            continue;
        }
        int err = render(m, ha_lamp_channel(lamp, (enum ha_channel)c, HA_STATE_TEMPLATE));
        if (err == 0 && m->text.len > 0) { /* nothing is no news */
            err = read_channel(lamp, (enum ha_channel)c, str_z(&m->text), s);
        }
        result = err != 0 ? err : result;
    }
    /* Where the mode has a topic of its own, only that tells it. */
    bool told = ha_lamp_channel(lamp, HA_COLOR_MODE, HA_STATE_TOPIC) != NULL;
    if (told && !(channels & 1u << HA_COLOR_MODE) && (known->has & LIGHT_MODE) && (s->has & LIGHT_MODE)) {
        s->mode = known->mode;
    }
    return result;
}

/* The template schema: everything from one message. */
static int read_templates(const struct ha_lamp *lamp, struct message *m, struct light_state *s)
{
    static const size_t rgb[] = {HA_RED_TEMPLATE, HA_GREEN_TEMPLATE, HA_BLUE_TEMPLATE};
    int result = 0;
    double v[5] = {0};
    size_t colors = 0;
    const char *template = ha_lamp_text(lamp, HA_IS_ON_TEMPLATE);
    if (template && (result = render(m, template)) == 0 && m->text.len > 0) {
        bool on = strcmp(str_z(&m->text), "on") == 0;
        if (on || strcmp(str_z(&m->text), "off") == 0) {
            s->has |= LIGHT_ON;
            s->on = on;
        }
    }
    template = ha_lamp_text(lamp, HA_BRIGHTNESS_TEMPLATE);
    if (template && render(m, template) == 0 && numbers(str_z(&m->text), v, 1)) {
        set_level(lamp, v[0], s);
    }
    template = ha_lamp_text(lamp, HA_COLOR_TEMP_TEMPLATE);
    if (template && render(m, template) == 0 && numbers(str_z(&m->text), v, 1)) {
        set_kelvin(lamp, v[0], s);
    }
    for (size_t i = 0; i < 3; i++) {
        template = ha_lamp_text(lamp, rgb[i]);
        colors += template && render(m, template) == 0 && numbers(str_z(&m->text), &v[i], 1);
    }
    if (colors == 3) {
        v[3] = v[4] = 0;
        set_rgb(lamp, v, s);
    }
    return result;
}

static void open_message(struct message *m, const char *bytes, size_t len)
{
    *m = (struct message){.scope = {.value = bytes, .len = len}};
    if (json_parse(bytes, len, HA_MAX_STATE, &m->root, NULL) == 0) {
        m->scope.value_json = m->root;
    }
}

static void close_message(struct message *m)
{
    json_free(m->root);
    str_done(&m->text);
}

int ha_state_read(const struct ha_lamp *lamp, uint32_t channels, const char *bytes, size_t len,
                  const struct light_state *known, struct light_state *ret_state)
{
    struct message m;
    int err;
    *ret_state = (struct light_state){0};
    if (len > HA_MAX_STATE) {
        return ERR_TOO_LARGE;
    }
    if (memchr(bytes, 0, len)) {
        return ERR_INVALID;
    }
    if (lamp->schema == HA_SCHEMA_JSON) {
        err = read_json(lamp, bytes, len, ret_state);
    } else {
        open_message(&m, bytes, len);
        err = lamp->schema == HA_SCHEMA_TEMPLATE ? read_templates(lamp, &m, ret_state)
                                                 : read_channels(lamp, channels, &m, known, ret_state);
        close_message(&m);
    }
    light_clamp(ret_state, &lamp->profile);
    return err;
}

int ha_availability_read(const struct ha_lamp *lamp, size_t availability, const char *bytes, size_t len,
                         bool *ret_online)
{
    const struct ha_availability *a = &lamp->availability[availability];
    struct message m;
    if (len > HA_MAX_STATE || memchr(bytes, 0, len)) {
        return ERR_INVALID;
    }
    open_message(&m, bytes, len);
    int err = render(&m, a->template ? lamp->texts + a->template : NULL);
    *ret_online = err == 0 && same(str_z(&m.text), lamp->texts + a->available);
    if (err == 0 && !*ret_online && !same(str_z(&m.text), lamp->texts + a->not_available)) {
        err = ERR_INVALID;
    }
    close_message(&m);
    return err;
}
