#include "sim/sonoff_light.h"

#include <string.h>

#include "sim/sonoff_light_internal.h"

const struct sonoff_kind sonoff_kinds[] = {
    {"relay", "Sonoff Basic", .relays = 1},
    {"relays", "Sonoff Dual", .relays = 2},
    {"relay-light", "Sonoff Mini", .relays = 1, .relay_is_light = true},
    {"dimmer", "PWM Dimmer", .subtype = SUBTYPE_SINGLE},
    {"ct", "Sonoff Led", .subtype = SUBTYPE_COLDWARM},
    {"rgb", "MagicHome RGB", .subtype = SUBTYPE_RGB},
    {"rgbw", "MagicHome RGBW", .subtype = SUBTYPE_RGBW},
    {"rgbcw", "Sonoff B1", .subtype = SUBTYPE_RGBCW},
    {"rgbw-split", "H801", .subtype = SUBTYPE_RGBW, .split = true},
    {"rgbcw-split", "Arilux LC11", .subtype = SUBTYPE_RGBCW, .split = true},
    {"channels", "H801", .relays = 1, .subtype = SUBTYPE_RGB, .channels = true},
    {"tuya", "Tuya MCU", .subtype = SUBTYPE_SINGLE, .tuya = true},
    {"fan", "Sonoff iFan03", .relays = 4, .fan = true},
    {"relay-dimmer", "Generic", .relays = 1, .subtype = SUBTYPE_SINGLE},
    {"shutter", "Shelly 2.5", .relays = 2, .shutter = true},
    {"sensor", "NodeMCU", .relays = 0},
};
const size_t sonoff_kind_count = sizeof sonoff_kinds / sizeof sonoff_kinds[0];

const struct sonoff_kind *sonoff_kind_find(const char *name)
{
    for (size_t i = 0; i < sonoff_kind_count; i++) {
        if (strcmp(sonoff_kinds[i].name, name) == 0) {
            return &sonoff_kinds[i];
        }
    }
    return NULL;
}

/* changeUIntScale: to the nearest. */
unsigned sonoff_scale(unsigned value, unsigned from_max, unsigned to_max)
{
    value = value > from_max ? from_max : value;
    return from_max == 0 ? 0 : (value * to_max * 2 / from_max + 1) / 2;
}

unsigned sonoff_dimmer(uint8_t bri)
{
    unsigned dimmer = sonoff_scale(bri, 255, 100);
    return dimmer == 0 && bri > 0 ? 1 : dimmer;
}

bool sonoff_linked(const struct sonoff_light *l)
{
    return !l->kind->split && !l->kind->channels;
}

uint8_t sonoff_bri(const struct sonoff_light *l)
{
    return l->bri_rgb >= l->bri_ct ? l->bri_rgb : l->bri_ct;
}

/* LightStateClass::setColorMode */
static void set_mode(struct sonoff_light *l, unsigned mode)
{
    uint8_t most = sonoff_bri(l);
    l->mode = l->kind->subtype == SUBTYPE_COLDWARM ? MODE_CT
              : l->kind->subtype >= SUBTYPE_RGBW   ? (uint8_t)mode
                                                   : MODE_RGB;
    if (l->mode == MODE_RGB) {
        l->bri_ct = 0;
        l->bri_rgb = l->bri_rgb == 0 ? most : l->bri_rgb;
    } else if (l->mode == MODE_CT) {
        l->bri_rgb = 0;
        l->bri_ct = l->bri_ct == 0 ? most : l->bri_ct;
    }
}

/* setBriRGB and setBriCT: a brightness lights that part beside the other. */
static void set_bri_rgb(struct sonoff_light *l, unsigned bri)
{
    l->bri_rgb = (uint8_t)bri;
    if (bri > 0) {
        set_mode(l, l->mode | MODE_RGB);
    }
}

static void set_bri_ct(struct sonoff_light *l, unsigned bri)
{
    l->bri_ct = (uint8_t)bri;
    if (bri > 0) {
        set_mode(l, l->mode | MODE_CT);
    }
}

void sonoff_change_dimmer(struct sonoff_light *l, unsigned percent, unsigned part)
{
    unsigned bri = sonoff_scale(percent, 100, 255);
    if (part == 1) {
        set_bri_rgb(l, bri);
    } else if (part == 2) {
        set_bri_ct(l, bri);
    } else {
        unsigned mode = l->mode;
        set_bri_rgb(l, mode & MODE_RGB ? bri : 0);
        set_bri_ct(l, mode & MODE_CT ? bri : 0);
    }
    if (part > 0 && sonoff_linked(l)) {
        set_mode(l, part == 1 ? MODE_RGB : MODE_CT);
    }
}

/* HsToRgb */
static void rgb_of(unsigned hue, unsigned saturation, uint8_t rgb[3])
{
    unsigned f = hue % 60;
    uint8_t q = (uint8_t)(255 - sonoff_scale(f, 60, saturation));
    uint8_t p = (uint8_t)(255 - saturation);
    uint8_t t = (uint8_t)(255 - sonoff_scale(60 - f, 60, saturation));
    const uint8_t sixths[6][3] = {{255, t, p}, {q, 255, p}, {p, 255, t}, {p, q, 255}, {t, p, 255}, {255, p, q}};
    memcpy(rgb, sixths[hue % 360 / 60], 3);
}

/* LightControllerClass::changeHSB */
void sonoff_change_hsb(struct sonoff_light *l, unsigned hue, unsigned saturation, unsigned bri)
{
    l->hue = (uint16_t)hue;
    l->saturation = (uint8_t)saturation;
    rgb_of(hue, saturation, l->rgb);
    set_mode(l, l->mode | MODE_RGB);
    set_bri_rgb(l, bri);
    if (sonoff_linked(l)) {
        set_mode(l, MODE_RGB);
    }
}

/* LightControllerClass::changeCTB */
void sonoff_change_ct(struct sonoff_light *l, unsigned ct)
{
    uint8_t bri = l->bri_ct;
    l->ct = (uint16_t)ct;
    set_mode(l, l->mode | MODE_CT);
    set_bri_ct(l, bri);
    if (sonoff_linked(l)) {
        set_mode(l, MODE_CT);
    }
}

/* RgbToHsb at full brightness. */
static void hs_of(const uint8_t rgb[3], uint16_t *ret_hue, uint8_t *ret_saturation)
{
    unsigned r = rgb[0], g = rgb[1], b = rgb[2];
    unsigned max = r > g ? (r > b ? r : b) : (g > b ? g : b);
    unsigned min = r < g ? (r < b ? r : b) : (g < b ? g : b);
    unsigned d = max - min, hue = 0;
    if (d > 0 && r == max) {
        hue = g > b ? sonoff_scale(g - b, d, 60) : 360 - sonoff_scale(b - g, d, 60);
    } else if (d > 0 && g == max) {
        hue = b > r ? 120 + sonoff_scale(b - r, d, 60) : 120 - sonoff_scale(r - b, d, 60);
    } else if (d > 0) {
        hue = r > g ? 240 + sonoff_scale(r - g, d, 60) : 240 - sonoff_scale(g - r, d, 60);
    }
    *ret_hue = (uint16_t)(hue % 360);
    *ret_saturation = (uint8_t)(d > 0 ? sonoff_scale(d, max, 255) : 0);
}

/* LightStateClass::setChannels: red, green, blue and the whites, which carry their brightness. */
void sonoff_change_color(struct sonoff_light *l, const uint8_t channels[5])
{
    unsigned max = 0;
    for (size_t i = 0; i < 3; i++) {
        max = channels[i] > max ? channels[i] : max;
    }
    if (max > 0) {
        for (size_t i = 0; i < 3; i++) {
            l->rgb[i] = (uint8_t)sonoff_scale(channels[i], max, 255);
        }
        hs_of(l->rgb, &l->hue, &l->saturation);
    }
    set_mode(l, max > 0 ? l->mode | MODE_RGB : MODE_CT);
    l->bri_rgb = (uint8_t)(l->mode & MODE_RGB ? max : 0);
    unsigned white = channels[3] + channels[4] > 255 ? 255u : channels[3] + (unsigned)channels[4];
    if (white == 0) {
        l->bri_ct = 0;
        set_mode(l, MODE_RGB);
    } else {
        set_mode(l, l->mode | MODE_CT);
        l->bri_ct = (uint8_t)white;
    }
}

/* LightControllerClass::calcLevels */
void sonoff_levels(const struct sonoff_light *l, uint8_t levels[5])
{
    unsigned warm = l->settings.short_range ? sonoff_scale(l->ct > 200 ? l->ct - 200u : 0, 180, 255)
                                            : sonoff_scale(l->ct - 153u, 347, 255);
    uint8_t cold_warm[2] = {(uint8_t)sonoff_scale(255 - warm, 255, l->bri_ct),
                            (uint8_t)sonoff_scale(warm, 255, l->bri_ct)};
    memset(levels, 0, 5);
    if (l->kind->channels) {
        memcpy(levels, l->channel, 5);
    } else if (l->kind->subtype == SUBTYPE_SINGLE) {
        levels[0] = l->bri_rgb;
    } else if (l->kind->subtype == SUBTYPE_COLDWARM) {
        memcpy(levels, cold_warm, 2);
    } else {
        for (size_t i = 0; i < 3 && (l->mode & MODE_RGB); i++) {
            levels[i] = (uint8_t)sonoff_scale(l->rgb[i], 255, l->bri_rgb);
        }
        if (l->kind->subtype == SUBTYPE_RGBW) {
            levels[3] = l->bri_ct;
        } else if (l->mode & MODE_CT) {
            memcpy(levels + 3, cold_warm, 2);
        }
    }
}

void sonoff_light_init(struct sonoff_light *l, const struct sonoff_kind *kind, const struct sonoff_settings *settings)
{
    *l = (struct sonoff_light){.kind = kind,
                               .settings = *settings,
                               .ct = 250,
                               .rgb = {255, 0, 0},
                               .saturation = 255,
                               .bri_rgb = 255,
                               .mode = MODE_RGB,
                               .channel = {255, 255, 255, 255, 255},
                               .speed = 1};
    /* LightModuleInit: its lights come behind the relays */
    unsigned lights = kind->subtype == SUBTYPE_NONE ? 0 : kind->channels ? kind->subtype : kind->split ? 2 : 1;
    l->devices = (uint8_t)(kind->relays + lights);
    l->first = (uint8_t)(lights > 0 ? kind->relays + 1 : 0);
    if (kind->split) {
        l->mode = MODE_RGB | MODE_CT;
        l->bri_ct = 255;
    } else if (kind->subtype == SUBTYPE_COLDWARM || kind->subtype == SUBTYPE_RGBCW) {
        set_mode(l, MODE_CT);
    }
}

const char *sonoff_state_text(const struct sonoff_light *l, bool on)
{
    const char *text = on ? l->settings.on : l->settings.off;
    return text ? text : on ? "ON" : "OFF";
}

/* ---- what it says of itself ---- */

/* GetPowerDevice: POWER, or with its number. */
void sonoff_power_name(const struct sonoff_light *l, unsigned device, bool index, char name[12])
{
    (void)snprintf(name, 12, l->devices + index > 1 ? "POWER%u" : "POWER", device);
}

static bool is_on(const struct sonoff_light *l, unsigned device)
{
    return (l->power >> (device - 1)) & 1;
}

static void write_color(struct str *s, const struct sonoff_light *l)
{
    uint8_t levels[5];
    sonoff_levels(l, levels);
    str_add_z(s, ",\"Color\":\"");
    for (unsigned i = 0; i < l->kind->subtype; i++) {
        str_printf(s, l->settings.decimal ? "%s%u" : "%s%02X", l->settings.decimal && i > 0 ? "," : "", levels[i]);
    }
    str_add_char(s, '"');
}

static void write_colors(struct str *s, const struct sonoff_light *l)
{
    uint8_t levels[5];
    unsigned subtype = l->kind->subtype;
    if (subtype <= SUBTYPE_SINGLE) {
        return;
    }
    write_color(s, l);
    if (subtype >= SUBTYPE_RGB) {
        str_printf(s, ",\"HSBColor\":\"%u,%u,%u\"", l->hue, sonoff_scale(l->saturation, 255, 100),
                   sonoff_scale(l->bri_rgb, 255, 100));
    }
    if (subtype == SUBTYPE_COLDWARM || subtype >= SUBTYPE_RGBW) {
        str_printf(s, ",\"White\":%u", sonoff_dimmer(l->bri_ct));
    }
    if (subtype == SUBTYPE_COLDWARM || subtype == SUBTYPE_RGBCW) {
        str_printf(s, ",\"CT\":%u", l->ct);
    }
    sonoff_levels(l, levels);
    for (unsigned i = 0; i < subtype; i++) {
        str_printf(s, "%s%u", i > 0 ? "," : ",\"Channel\":[", sonoff_dimmer(levels[i]));
    }
    str_add_char(s, ']');
}

/* ResponseLightState: the light's part of any message, without braces. */
void sonoff_write_light(struct str *s, const struct sonoff_light *l)
{
    char name[12];
    if (l->kind->channels) {
        for (unsigned i = 0; i < l->kind->subtype; i++) {
            str_printf(s, "%s\"POWER%u\":\"%s\",\"Channel%u\":%u", i > 0 ? "," : "", l->first + i,
                       sonoff_state_text(l, is_on(l, l->first + i)), l->first + i,
                       sonoff_scale(l->channel[i], 255, 100));
        }
        write_color(s, l);
    } else if (l->kind->split) {
        for (unsigned i = 0; i < 2; i++) {
            str_printf(s, "%s\"POWER%u\":\"%s\",\"Dimmer%u\":%u", i > 0 ? "," : "", l->first + i,
                       sonoff_state_text(l, is_on(l, l->first + i)), i + 1,
                       sonoff_dimmer(i == 0 ? l->bri_rgb : l->bri_ct));
        }
        write_colors(s, l);
    } else {
        sonoff_power_name(l, l->first, l->settings.index, name);
        str_printf(s, "\"%s\":\"%s\",\"Dimmer\":%u", name, sonoff_state_text(l, is_on(l, l->first)),
                   sonoff_dimmer(sonoff_bri(l)));
        write_colors(s, l);
    }
}

/* MqttShowState */
void sonoff_write_state(struct str *s, const struct sonoff_light *l)
{
    char name[12];
    str_add_z(s, "{\"Time\":\"2026-11-24T12:00:00\",\"Uptime\":\"3T04:05:06\",\"UptimeSec\":273906,\"Heap\":25,"
                 "\"SleepMode\":\"Dynamic\",\"Sleep\":50,\"LoadAvg\":19,\"MqttCount\":1");
    for (unsigned i = 1; i <= l->devices; i++) {
        if (l->first && i >= l->first) {
            str_add_char(s, ',');
            sonoff_write_light(s, l);
            str_printf(s, ",\"Fade\":\"%s\",\"Speed\":%u,\"LedTable\":\"%s\"", sonoff_state_text(l, l->fade), l->speed,
                       sonoff_state_text(l, true));
            break;
        }
        sonoff_power_name(l, i, l->settings.index, name);
        str_printf(s, ",\"%s\":\"%s\"", name, sonoff_state_text(l, is_on(l, i)));
        if (l->kind->fan) {
            str_add_z(s, ",\"FanSpeed\":0");
            break;
        }
    }
    str_add_z(s, ",\"Wifi\":{\"AP\":1,\"SSId\":\"home\",\"BSSId\":\"AA:BB:CC:00:11:22\",\"Channel\":6,\"Mode\":\"11n\","
                 "\"RSSI\":74,\"Signal\":-63,\"LinkCount\":1,\"Downtime\":\"0T00:00:05\"}}");
}

/* TasDiscoverMessage: 1 a relay, 2 a light, 3 a shutter. */
void sonoff_write_relays(struct str *s, const struct sonoff_light *l)
{
    for (unsigned i = 0; i < 32; i++) {
        bool there = i < l->devices;
        unsigned type = !there                                                        ? 0
                        : l->kind->shutter                                            ? 3
                        : (l->first && i + 1 >= l->first) || (l->kind->fan && i == 0) ? 2
                                                                                      : !l->kind->fan;
        str_printf(s, "%s%u", i > 0 ? "," : "", type);
    }
}

void sonoff_write_options(struct str *s, const struct sonoff_light *l)
{
    const struct sonoff_settings *o = &l->settings;
    str_printf(s,
               "\"so\":{\"4\":%d,\"11\":0,\"13\":0,\"17\":%d,\"20\":%d,\"30\":%d,\"68\":%d,\"73\":0,\"82\":%d,"
               "\"114\":0,\"117\":%d},\"lk\":%d,\"lt_st\":%u",
               o->by_command, o->decimal, o->power_apart, l->kind->relay_is_light, l->kind->channels, o->short_range,
               o->fixed_duration, l->first && sonoff_linked(l), l->kind->subtype);
}
