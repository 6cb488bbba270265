#include "sim/shapes.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

/* The features by the short names that keep a row on a line. */
enum {
    SWITCH = FEATURE_SWITCH,
    LEVEL = FEATURE_LEVEL,
    TEMP = FEATURE_TEMP,
    STARTUP = FEATURE_STARTUP,
    XY = FEATURE_XY,
    HS = FEATURE_HS,
    HS_FIRST = FEATURE_HS_FIRST,
    COLOR_FIRST = FEATURE_COLOR_FIRST,
    LOWEST = FEATURE_LOWEST,
    HIGHEST = FEATURE_HIGHEST,
    CONF_BOTH = FEATURE_CONF_BOTH,
    CONF_ON = FEATURE_CONF_ON,
    CONF_OFF = FEATURE_CONF_OFF,
    CONF_WHILE_OFF = FEATURE_CONF_WHILE_OFF,
    CONF_ON_LEVEL = FEATURE_CONF_ON_LEVEL,
    CONF_STARTUP = FEATURE_CONF_STARTUP,
    NO_GET = FEATURE_NO_GET,
    LEVEL_NO_GET = FEATURE_LEVEL_NO_GET,
    LIMITS_NO_GET = FEATURE_LIMITS_NO_GET,
    PLAIN_COLOR = FEATURE_PLAIN_COLOR,
};

const struct shape shapes[] = {
    {"AduroSmart", "81810", 442, {{"", LEVEL, 0, 0}}},
    {"AduroSmart", "81809/81813", 239, {{"", LEVEL | TEMP | STARTUP | XY | HS, 153, 500}}},
    {"ADEO", "IST-CDZFB2AS007NA-MZN-01", 152, {{"", LEVEL | TEMP | STARTUP, 153, 454}}},
    {"Gledopto", "GL-H-001", 89, {{"", LEVEL | TEMP | STARTUP | XY | HS, 150, 500}}},
    {"Aurora Lighting", "AU-A1GUZBCX5", 65, {{"", LEVEL | TEMP | STARTUP, 150, 500}}},
    {"ADEO", "9CZA-A806ST-Q1A", 42, {{"", LEVEL | TEMP | STARTUP | XY, 150, 500}}},
    {"ADEO", "9CZA-A806ST-Q1Z", 37, {{"", LEVEL | TEMP | STARTUP, 153, 370}}},
    {"LEDVANCE", "4058075208384", 37, {{"", LEVEL | TEMP, 153, 370}}},
    {"IKEA", "LED1545G12", 33, {{"", LEVEL | TEMP | STARTUP | CONF_WHILE_OFF | CONF_STARTUP, 250, 454}}},
    {"IKEA", "LED1623G12", 23, {{"", LEVEL | CONF_WHILE_OFF | CONF_STARTUP, 0, 0}}},
    {"ADEO", "IA-CDZOTAAA007MA-MAN", 22, {{"", LEVEL | TEMP | STARTUP | XY, 153, 370}}},
    {"Innr", "FL 140 C", 22, {{"", LEVEL | TEMP | STARTUP | XY | HS, 153, 555}}},
    {"AduroSmart", "81812/81814", 21, {{"", LEVEL | TEMP | STARTUP, 153, 500}}},
    {"DOMRAEM", "DOM-Z-105P_RGBW", 20, {{"", LEVEL | TEMP | STARTUP | XY | HS, 158, 495}}},
    {"Bega", "85000", 19, {{"", LEVEL | TEMP | STARTUP | XY | HS, 50, 1000}}},
    {"ADEO", "ZBEK-30", 18, {{"", LEVEL | TEMP | STARTUP | XY | HS, 153, 370}}},
    {"HORNBACH", "10454471", 18, {{"", LEVEL | TEMP | STARTUP | XY, 153, 555}}},
    {"Innr", "FL 142 C", 16, {{"", LEVEL | TEMP | XY | HS, 150, 500}}},
    {"Envilar", "ZG50CC-CCT-DRIVER", 15, {{"", LEVEL | TEMP | STARTUP, 160, 450}}},
    {"Philips", "929003596101", 15, {{"", LEVEL | TEMP | STARTUP, 222, 454}}},
    {"Innr", "AE 282 C", 13, {{"", LEVEL | TEMP | STARTUP | XY | HS, 153, 556}}},
    {"LEDVANCE", "4058075181472", 13, {{"", LEVEL | TEMP, 150, 500}}},
    {"Handshake Finland", "2619839", 11, {{"l1 l2", LEVEL, 0, 0}}},
    {"Ajax Online", "AJ_RGBCCT_CTRL", 10, {{"", LEVEL | TEMP | XY, 153, 500}}},
    {"Custom devices (DiY)", "m5NanoC6", 10, {{"", LEVEL | XY | HS, 0, 0}}},
    {"Aurora Lighting", "AU-A1GSZ9CX", 9, {{"", LEVEL | TEMP | STARTUP, 200, 454}}},
    {"Innr", "RB 272 T", 9, {{"", LEVEL | TEMP | STARTUP, 153, 555}}},
    {"Bosch", "BMCT-DZ", 8, {{"", LEVEL | CONF_ON_LEVEL | CONF_STARTUP, 0, 0}}},
    {"Mercator Ikuü", "SISWD11-ZB", 8, {{"", LEVEL | NO_GET, 0, 0}}},
    {"Niko",
     "552-72201",
     8,
     {{"", LEVEL | CONF_BOTH | CONF_ON | CONF_OFF | CONF_WHILE_OFF | CONF_ON_LEVEL | CONF_STARTUP, 0, 0}}},
    {"DIRECTSIGNS", "DS-Z-001DE", 7, {{"", LEVEL | TEMP | STARTUP | XY | HS, 158, 500}}},
    {"LEDVANCE", "GPDRPLOP401100CE", 7, {{"", LEVEL | TEMP | XY | HS, 153, 370}}},
    {"Philips", "9290038548H", 7, {{"", LEVEL | TEMP | STARTUP, 50, 1000}}},
    {"IKEA", "LED1924G9", 6, {{"", LEVEL | TEMP | STARTUP | XY | CONF_WHILE_OFF | CONF_STARTUP, 250, 454}}},
    {"LEDVANCE", "4058075208360", 6, {{"", LEVEL | TEMP | XY | HS, 153, 526}}},
    {"Paulmann", "500.44", 6, {{"", LEVEL | XY, 0, 0}}},
    {"Philips", "046677592530", 6, {{"", LEVEL | TEMP | STARTUP | XY | HS, 153, 447}}},
    {"QA", "QAFZ200", 6, {{"", LEVEL | TEMP, 153, 500}}},
    {"Sengled", "E21-N1EA", 6, {{"", LEVEL | TEMP | STARTUP | XY, 154, 500}}},
    {"AVATTO", "ZDMS16-US-W2", 5, {{"l1 l2", LEVEL | LOWEST | HIGHEST | NO_GET | LIMITS_NO_GET, 0, 0}}},
    {"DOMRAEM", "DOM-Z-105P_CCT", 5, {{"", LEVEL | TEMP | STARTUP, 158, 495}}},
    {"Ajax Online", "ZB_A60_RGBCW", 4, {{"", LEVEL | TEMP | STARTUP | XY, 153, 500}}},
    {"AVATTO", "ZDMS16-1", 4, {{"", LEVEL | LOWEST | HIGHEST | NO_GET | LIMITS_NO_GET, 0, 0}}},
    {"Bega", "13557", 4, {{"", LEVEL | TEMP | STARTUP | XY, 153, 556}}},
    {"Candeo", "C204", 4, {{"", LEVEL | CONF_BOTH | CONF_ON_LEVEL | CONF_STARTUP, 0, 0}}},
    {"Candeo", "C-ZB-RD1", 4, {{"", LEVEL | CONF_ON | CONF_OFF | CONF_ON_LEVEL | CONF_STARTUP, 0, 0}}},
    {"Aqara", "GDSD12LM", 4, {{"", LEVEL | TEMP | STARTUP, 166, 370}}},
    {"Paulmann", "291.48", 4, {{"", LEVEL | TEMP | STARTUP | XY | HS, 153, 454}}},
    {"Ajax Online", "AJ_ZB_GU10", 3, {{"", LEVEL | TEMP | STARTUP | XY, 158, 495}}},
    {"EcoDim", "Eco-Dim.05", 3, {{"left right", LEVEL, 0, 0}}},
    {"Iluminize", "5110.40", 3, {{"", LEVEL | TEMP | STARTUP | XY, 160, 450}}},
    {"Innr", "OGL 130 C", 3, {{"", LEVEL | TEMP | STARTUP | XY | HS, 100, 1000}}},
    {"Innr", "AE 270 T", 3, {{"", LEVEL | TEMP | STARTUP, 154, 500}}},
    {"Innr", "OFL 142 C", 3, {{"", LEVEL | TEMP | STARTUP | XY | HS, 100, 350}}},
    {"Innr", "RF 271 T", 3, {{"", LEVEL | TEMP | STARTUP, 153, 556}}},
    {"Leviton", "DG3HL-1BW", 3, {{"", LEVEL | CONF_ON | CONF_OFF | CONF_WHILE_OFF | CONF_ON_LEVEL, 0, 0}}},
    {"Lonsonho", "QS-Zigbee-D02-TRIAC-LN", 3, {{"", LEVEL | LOWEST, 0, 0}}},
    {"Lonsonho", "QS-Zigbee-D02-TRIAC-2C-LN", 3, {{"l1 l2", LEVEL | LOWEST, 0, 0}}},
    {"Aqara", "TDL01LM", 3, {{"", LEVEL | TEMP | CONF_ON | CONF_OFF | CONF_ON_LEVEL, 166, 370}}},
    {"Aqara", "ZNDDQDQ11LM", 3, {{"", LEVEL | TEMP, 154, 370}}},
    {"Tuya", "TS0504A", 3, {{"", LEVEL | TEMP | XY, 150, 500}}},
    {"Tuya", "TS110E_1gang_2", 3, {{"", LEVEL | LOWEST | HIGHEST, 0, 0}}},
    {"Acuity Brands Lighting (ABL)", "RB56SC", 2, {{"", LEVEL | TEMP | XY, 200, 370}}},
    {"Candeo", "C210", 2, {{"", LEVEL | CONF_STARTUP, 0, 0}}},
    {"Candeo", "C-ZB-LC20-RGBCCT", 2, {{"", LEVEL | TEMP | STARTUP | XY | HS | CONF_STARTUP, 158, 500}}},
    {"DOMRAEM", "DOM-Z-105P_WW/CW", 2, {{"", LEVEL | TEMP | STARTUP, 158, 500}}},
    {"Dresden Elektronik", "FLS-A", 2, {{"l1 l2 l3 l4", LEVEL, 0, 0}}},
    {"Enbrighten", "43080", 2, {{"", LEVEL | CONF_WHILE_OFF | CONF_ON_LEVEL, 0, 0}}},
    {"EVN", "ZB24100VS", 2, {{"", LEVEL | TEMP | STARTUP | XY | HS, 160, 450}}},
    {"Gledopto", "GL-S-004Z", 2, {{"", LEVEL | TEMP | STARTUP | XY | HS, 155, 495}}},
    {"Gledopto", "GL-B-003P", 2, {{"", LEVEL | TEMP | STARTUP, 155, 495}}},
    {"Halo Smart Labs", "HALO", 2, {{"light", LEVEL | HS, 0, 0}}},
    {"Heiman", "HS1RGB", 2, {{"", LEVEL | TEMP | STARTUP | XY | HS, 275, 295}}},
    {"Heiman", "HS2NLV", 2, {{"", LEVEL | TEMP | STARTUP | HS, 153, 500}}},
    {"HORNBACH", "10297665", 2, {{"", LEVEL | TEMP | STARTUP, 250, 454}}},
    {"IKEA", "LED2109G6", 2, {{"", LEVEL | TEMP | STARTUP | XY | HS | CONF_WHILE_OFF | CONF_STARTUP, 250, 454}}},
    {"IKEA", "LED1624G9", 2, {{"", LEVEL | TEMP | STARTUP | XY | CONF_WHILE_OFF | CONF_STARTUP, 153, 500}}},
    {"IKEA",
     "KAJPLATS_CWS",
     2,
     {{"", LEVEL | TEMP | STARTUP | XY | HS | CONF_BOTH | CONF_WHILE_OFF | CONF_STARTUP, 153, 555}}},
    {"IKEA", "KAJPLATS_WS", 2, {{"", LEVEL | TEMP | STARTUP | CONF_BOTH | CONF_WHILE_OFF | CONF_STARTUP, 153, 454}}},
    {"Innr", "RS 228 T", 2, {{"", LEVEL | TEMP | STARTUP | XY, 200, 454}}},
    {"OSRAM", "AC03647", 2, {{"", LEVEL | TEMP | HS, 153, 526}}},
    {"OSRAM", "AB32840", 2, {{"", LEVEL | TEMP, 150, 370}}},
    {"OSRAM", "4052899926110", 2, {{"", LEVEL | TEMP | XY | HS, 125, 666}}},
    {"Philips", "8718696126523", 2, {{"", LEVEL | TEMP | STARTUP | XY | HS, 154, 455}}},
    {"Skydance", "WZ5_rgb", 2, {{"", LEVEL | HS | NO_GET, 0, 0}}},
    {"Sunricher", "SR-ZG9032A-PIR", 2, {{"1", LEVEL, 0, 0}}},
    {"Tuya", "CK-BL702-AL-01", 2, {{"", LEVEL | TEMP | XY, 142, 500}}},
    {"Acuity Brands Lighting (ABL)", "WF4C_WF6C", 1, {{"", LEVEL | TEMP, 200, 370}}},
    {"Aurora Lighting", "AU-A1ZBSCRGBCX", 1, {{"", LEVEL | TEMP | STARTUP | HS, 166, 400}}},
    {"Aurora Lighting", "AU-A1ZBMPRO1ZX", 1, {{"", LEVEL | TEMP | STARTUP, 200, 455}}},
    {"AwoX", "EGLO_ZM_RGB_W", 1, {{"", LEVEL | TEMP | XY | HS, 333, 333}}},
    {"Busch-Jaeger", "6735/6736/6737", 1, {{"relay", LEVEL, 0, 0}}},
    {"Candeo", "C-ZB-LC20-CCT", 1, {{"", LEVEL | TEMP | STARTUP | CONF_STARTUP, 158, 500}}},
    {"Candeo", "C-ZB-LC20-RGB", 1, {{"", LEVEL | XY | HS | CONF_STARTUP, 0, 0}}},
    {"Candeo", "C-ZB-DM201-2G", 1, {{"l1 l2", LEVEL | CONF_ON_LEVEL | CONF_STARTUP, 0, 0}}},
    {"Custom devices (DiY)", "TLSR-DIY-ZR01-LIGHT-CCT", 1, {{"", LEVEL | TEMP, 130, 560}}},
    {"DOMRAEM", "DOM-Z-105P_RGB", 1, {{"", LEVEL | HS, 0, 0}}},
    {"Dresden Elektronik", "FLS-PP", 1, {{"rgb white", LEVEL | TEMP | STARTUP | XY, 153, 500}}},
    {"Eaton/Halo LED", "RL460WHZHA69", 1, {{"", LEVEL | TEMP | STARTUP, 200, 370}}},
    {"EcoDim", "ED-10041", 1, {{"", LEVEL | TEMP, 153, 454}}},
    {"Gledopto",
     "GL-C-007-2ID",
     1,
     {{"rgb", LEVEL | TEMP | STARTUP | XY | PLAIN_COLOR, 150, 500},
      {"white", LEVEL, 0, 0},
      {"", LEVEL | TEMP | STARTUP | XY | HS, 150, 500}}},
    {"Gledopto",
     "GL-C-008-2ID",
     1,
     {{"rgb", LEVEL | XY | PLAIN_COLOR, 0, 0},
      {"cct", LEVEL | TEMP | STARTUP, 158, 495},
      {"", LEVEL | TEMP | STARTUP | XY | HS, 150, 500}}},
    {"Gledopto", "GL-SPI-206P", 1, {{"", HS, 0, 0}}},
    {"Halemeier", "HA-ZM12mw2-4K", 1, {{"l1 l2 l3 l4", LEVEL | TEMP | STARTUP, 160, 450}}},
    {"HORNBACH", "10454469", 1, {{"", LEVEL | TEMP | STARTUP, 220, 500}}},
    {"Iluminize", "511.050", 1, {{"", LEVEL | TEMP | STARTUP | XY, 155, 450}}},
    {"Iluminize", "511.020", 1, {{"", LEVEL | TEMP | STARTUP, 155, 450}}},
    {"Innr", "OPL 130 C", 1, {{"", LEVEL | TEMP | XY | HS, 153, 555}}},
    {"Innr", "RS 241 T", 1, {{"", LEVEL | TEMP | STARTUP, 153, 455}}},
    {"KURVIA", "ZB-CL01", 1, {{"", LEVEL | TEMP | STARTUP | XY, 250, 454}}},
    {"LEDVANCE", "74746", 1, {{"", LEVEL | TEMP | XY | HS, 200, 370}}},
    {"LEDVANCE", "AC25697", 1, {{"", LEVEL | TEMP | XY | HS, 153, 500}}},
    {"Legrand", "067771", 1, {{"", LEVEL | CONF_ON_LEVEL, 0, 0}}},
    {"Lidl", "HG06467", 1, {{"", LEVEL | HS | LEVEL_NO_GET, 0, 0}}},
    {"Lidl", "HG08633", 1, {{"", LEVEL | TEMP | XY | HS | HS_FIRST, 153, 500}}},
    {"LifeControl", "MCLH-02", 1, {{"", LEVEL | TEMP | STARTUP | XY, 167, 333}}},
    {"L&S Lighting", "A319463", 1, {{"", LEVEL | TEMP | STARTUP | XY, 153, 454}}},
    {"L&S Lighting", "756200030", 1, {{"11 12 13 14", LEVEL | TEMP | STARTUP, 153, 500}}},
    {"Aqara", "ZNDDMK11LM", 1, {{"l1", LEVEL | TEMP | XY | PLAIN_COLOR, 153, 370}, {"l2", LEVEL | TEMP, 153, 370}}},
    {"Aqara", "ZNXDD01LM", 1, {{"", LEVEL | TEMP | CONF_ON_LEVEL, 153, 370}}},
    {"Aqara", "XDD13LM", 1, {{"", LEVEL | TEMP, 175, 370}}},
    {"Aqara", "LGYCDD01LM", 1, {{"", LEVEL | TEMP | XY, 153, 370}}},
    {"Aqara", "CL-L02D", 1, {{"white", LEVEL | TEMP, 153, 370}, {"rgb", LEVEL | TEMP | XY, 153, 370}}},
    {"Aqara", "T2_E27", 1, {{"", LEVEL | TEMP | XY, 111, 500}}},
    {"Namron", "1402768", 1, {{"", LEVEL | TEMP | STARTUP, 250, 65279}}},
    {"ORVIBO", "DM10ZW", 1, {{"", LEVEL | TEMP | STARTUP, 153, 371}}},
    {"OSRAM", "AC0363900NJ", 1, {{"", LEVEL | TEMP | HS, 153, 370}}},
    {"OSRAM", "4062172044776_4", 1, {{"l1 l2 s1", LEVEL, 0, 0}}},
    {"Paulmann", "371232040", 1, {{"", LEVEL | TEMP | STARTUP | XY | HS, 153, 350}}},
    {"Philips", "9290022267A", 1, {{"", LEVEL | TEMP | STARTUP, 153, 434}}},
    {"Philips", "046677585235", 1, {{"top bottom", LEVEL | TEMP | STARTUP | XY | HS, 153, 500}}},
    {"Philips", "929003822901", 1, {{"", LEVEL | TEMP | STARTUP, 153, 438}}},
    {"Philips", "929003711201", 1, {{"front back", LEVEL | TEMP | STARTUP | XY | HS, 153, 500}}},
    {"QA", "QADZ4DIN", 1, {{"l1 l2 l3 l4", LEVEL | LOWEST | NO_GET, 0, 0}}},
    {"Samotech", "SM309-S-2CH", 1, {{"1 2", LEVEL, 0, 0}}},
    {"Schneider Electric",
     "545D6102",
     1,
     {{"l1", LEVEL | CONF_BOTH | CONF_ON | CONF_OFF | CONF_WHILE_OFF | CONF_ON_LEVEL | CONF_STARTUP, 0, 0}}},
    {"Shenzhen Homa", "HOMA1001_RGBW", 1, {{"white rgb", LEVEL | XY, 0, 0}}},
    {"SIMON", "SM0501", 1, {{"left center right", LEVEL, 0, 0}}},
    {"Skydance", "WZ5_cct", 1, {{"", LEVEL | TEMP | NO_GET, 250, 454}}},
    {"Tuya", "WZ5_rgb_1", 1, {{"", LEVEL | XY | HS | HS_FIRST, 0, 0}}},
    {"Skydance", "WZ5_rgbcct", 1, {{"", LEVEL | TEMP | HS | COLOR_FIRST | NO_GET, 250, 454}}},
    {"Svetomaniya",
     "LDR-GU10-Mod",
     1,
     {{"", LEVEL | TEMP | STARTUP | CONF_ON | CONF_OFF | CONF_WHILE_OFF | CONF_ON_LEVEL | CONF_STARTUP, 153, 500}}},
    {"Svetomaniya",
     "LF101W2-Mod",
     1,
     {{"", LEVEL | TEMP | XY | CONF_ON | CONF_OFF | CONF_WHILE_OFF | CONF_ON_LEVEL | CONF_STARTUP, 454, 500}}},
    {"Sowilo DS", "L258", 1, {{"", LEVEL | TEMP | STARTUP | XY | HS, 150, 575}}},
    {"Sunricher", "SR-2421-Z2D8C", 1, {{"l1 l2 l3 l4 l5 l6 l7 l8", LEVEL | TEMP, 150, 500}}},
    {"Sylvania", "75564", 1, {{"", LEVEL | TEMP | XY | HS, 142, 555}}},
    {"TERNCY", "DL001", 1, {{"", LEVEL | TEMP | STARTUP, 156, 476}}},
    {"TERNCY", "DIM003", 1, {{"", LEVEL | TEMP, 142, 625}}},
    {"TERNCY", "CL001", 1, {{"", LEVEL | TEMP | STARTUP, 50, 500}}},
    {"Third Reality", "3RCB01057Z", 1, {{"", LEVEL | TEMP | STARTUP | XY | HS, 142, 454}}},
    {"Tuya", "TS0505B_2", 1, {{"", LEVEL | TEMP | HS, 153, 500}}},
    {"eWeLink", "CK-BL702-AL-01_1", 1, {{"", LEVEL | TEMP | STARTUP | XY | HS | HS_FIRST, 25, 1000}}},
    {"Tuya", "TS0504B", 1, {{"", LEVEL | TEMP | XY, 454, 500}}},
    {"Tuya", "TS0501B_dimmer_2", 1, {{"", LEVEL | LOWEST | LIMITS_NO_GET, 0, 0}}},
    {"Tuya", "TS0601_dimmer_3", 1, {{"l1 l2 l3", LEVEL | LOWEST | HIGHEST | NO_GET | LIMITS_NO_GET, 0, 0}}},
    {"Tuya", "TS0601_dimmer_knob", 1, {{"", LEVEL | LOWEST | NO_GET | LIMITS_NO_GET, 0, 0}}},
    {"Tuya", "TS110E_2gang_2", 1, {{"l1 l2", LEVEL | LOWEST | HIGHEST, 0, 0}}},
    {"Tuya", "TS0601_knob_dimmer_switch", 1, {{"", LEVEL | TEMP | STARTUP, 154, 370}}},
    {"Vesternet", "VES-ZB-DIM-004", 1, {{"", LEVEL | CONF_BOTH | CONF_WHILE_OFF | CONF_ON_LEVEL | CONF_STARTUP, 0, 0}}},
    {"Ynoa", "LA-GU10-RGBW", 1, {{"", LEVEL | TEMP | STARTUP | XY | HS, 153, 526}}},
    {"YSRSAI", "YSR-MINI-01_rgbcct", 1, {{"", LEVEL | TEMP | XY, 160, 370}}},
    /* plugs and relays */
    {"ADEO", "SIN-4-1-21_EQU", 493, {{"", SWITCH, 0, 0}}},
    {"BlitzWolf", "BW-SS7_2gang", 71, {{"l1 l2", SWITCH, 0, 0}}},
    {"AVATTO", "ZBS16", 43, {{"", SWITCH | NO_GET, 0, 0}}},
    {"Konke", "KK-LP-Q03D", 41, {{"l1 l2 l3", SWITCH, 0, 0}}},
    {"Aurora Lighting", "AU-A1ZBDSS", 40, {{"left right", SWITCH, 0, 0}}},
    {"Atsmart", "Z6", 26, {{"left center right", SWITCH, 0, 0}}},
    {"Alab", "alab.switch", 23, {{"l1 l2 l3 l4", SWITCH, 0, 0}}},
    {"Dawon DNS", "PM-S340-ZB", 15, {{"top center bottom", SWITCH, 0, 0}}},
    {"Dawon DNS", "PM-S240-ZB", 14, {{"top bottom", SWITCH, 0, 0}}},
    {"Aeotec", "ZGA003", 12, {{"1 2", SWITCH, 0, 0}}},
};
const size_t shape_count = sizeof shapes / sizeof shapes[0];

bool shape_is_plug(const struct shape *shape)
{
    return (shape->parts[0].features & FEATURE_SWITCH) != 0;
}

size_t shape_lights(const struct shape *shape, struct shape_light ret_lights[SHAPE_LIGHTS])
{
    size_t count = 0;
    for (size_t i = 0; i < SHAPE_PARTS && shape->parts[i].endpoints; i++) {
        const char *word = shape->parts[i].endpoints;
        do {
            size_t len = strcspn(word, " ");
            struct shape_light *l = &ret_lights[count++];
            l->part = &shape->parts[i];
            memcpy(l->endpoint, word, len);
            l->endpoint[len] = 0;
            word += len + (word[len] == ' ');
        } while (*word);
    }
    return count;
}

static bool is_named(const struct shape *shape, const char *text)
{
    size_t len = strlen(shape->vendor);
    return strcasecmp(text, shape->model) == 0 || (strncasecmp(text, shape->vendor, len) == 0 && text[len] == ' ' &&
                                                   strcasecmp(text + len + 1, shape->model) == 0);
}

const struct shape *shape_find(const char *text)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    for (size_t i = 0; i < shape_count; i++) {
        if (is_named(&shapes[i], text)) { /* before the number: some models are called "552-72201" or "81810" */
            return &shapes[i];
        }
    }
    return end != text && !*end && number < shape_count ? &shapes[number] : NULL;
}

static uint64_t chance(const struct shape *shape)
{
    return shape_is_plug(shape) ? 0 : shape->weight;
}

const struct shape *shape_draw(uint64_t draw)
{
    uint64_t total = 0;
    size_t i = 0;
    for (size_t k = 0; k < shape_count; k++) {
        total += chance(&shapes[k]);
    }
    for (draw %= total; draw >= chance(&shapes[i]); i++) {
        draw -= chance(&shapes[i]);
    }
    return &shapes[i];
}

void shape_describe(struct str *s, const struct shape *shape)
{
    struct shape_light lights[SHAPE_LIGHTS];
    size_t count = shape_lights(shape, lights);
    for (size_t i = 0; i < count; i++) {
        const struct shape_part *p = lights[i].part;
        str_printf(s, "%s%s%son/off", i ? "; " : "", lights[i].endpoint, *lights[i].endpoint ? ": " : "");
        str_add_z(s, p->features & FEATURE_LEVEL ? ", brightness" : "");
        if (p->features & FEATURE_TEMP) {
            str_printf(s, ", %u..%u mired", p->coolest, p->warmest);
        }
        str_add_z(s, p->features & FEATURE_XY ? ", xy" : "");
        str_add_z(s, p->features & FEATURE_HS ? ", hs" : "");
    }
}
