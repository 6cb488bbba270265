/* Controllers that many people have, in the words of the line engine. */
#include "serial/line_dialect.h"

#include <stddef.h>

/* WLED's JSON API over its serial port (wled_serial.cpp, json.cpp; kno.wled.ge, "Serial" and "JSON API"): "v" asks for
   the state and what the device is. "seg" without a number is all segments that are selected; an effect would go on in
   colours of its own. */
static const char *const wled_state[] = {
    "/state/on <on:true|false>",    "/state/bri <level:255>",      "/state/seg/0/col/0/0 <red>",
    "/state/seg/0/col/0/1 <green>", "/state/seg/0/col/0/2 <blue>", NULL,
};
const struct line_options line_wled = {
    .model = "WLED",
    .baud = 115200,
    .on = "{\"on\":true,\"tt\":<fade:100>,\"v\":true}",
    .off = "{\"on\":false,\"tt\":<fade:100>,\"v\":true}",
    .level = "{\"on\":<on:true|false>,\"bri\":<level:255>,\"tt\":<fade:100>,\"v\":true}",
    .color = "{\"on\":<on:true|false>,\"bri\":<level:255>,\"tt\":<fade:100>,"
             "\"seg\":{\"col\":[[<red>,<green>,<blue>,0]],\"fx\":0},\"v\":true}",
    .ask = "{\"v\":true}",
    .who = "{\"v\":true}",
    .who_is = "/info/mac <id>",
    .state = wled_state,
    .poll_s = 10,
    .wait_ms = 0,
    .timeout_ms = 1000,
};

/* Tasmota's console (its documentation, "Commands"; support_command.ino). Its answers are lines of its log, whose JSON
   begins with the first brace: `RSL: stat/lamp/RESULT = {"POWER":"ON"}`. Where there are several relays, the first one.
   A white that is lit leaves the colour's brightness at 0. */
static const char *const tasmota_state[] = {
    "/POWER <on:ON|OFF>",
    "/POWER1 <on:ON|OFF>",
    "/Dimmer <level>",
    "/CT <mired>",
    "/HSBColor <hue>,<saturation>,<lit>",
    NULL,
};
static const char *const tasmota_refusal[] = {"/Command Unknown", "/Command Error", NULL};
const struct line_options line_tasmota = {
    .model = "Tasmota",
    .baud = 115200,
    .on = "Power1 1",
    .off = "Power1 0",
    .level = "Dimmer <level>",
    .kelvin = "CT <mired:153-500>",
    .color = "HSBColor <hue>,<saturation>,<level>",
    .ask = "State",
    .who = "Status 5",
    .who_is = "/StatusNET/Mac <id>",
    .state = tasmota_state,
    .refusal = tasmota_refusal,
    .poll_s = 30,
    .timeout_ms = 1000,
    .learn = true,
};
