/* Documents of a bridge: an answer, a list of devices, states (of a house of two), a token response. What passes the
   judge is taken over; the first byte picks which. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rehearsal/judge.h"
#include "rehearsal/partner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char two[] =
    "[{\"externalDeviceId\":\"a\",\"friendlyName\":\"A\",\"deviceHandlerType\":\"c2c-rgbw-color-bulb\","
    "\"manufacturerInfo\":{\"manufacturerName\":\"m\",\"modelName\":\"n\"}},"
    "{\"externalDeviceId\":\"b\",\"friendlyName\":\"B\",\"deviceHandlerType\":\"c2c-switch\","
    "\"manufacturerInfo\":{\"manufacturerName\":\"m\",\"modelName\":\"n\"}}]";

static void make_house(struct house *house)
{
    struct json *root = NULL;
    struct str news = STR_INIT;
    if (json_parse(two, sizeof two - 1, sizeof two, &root, NULL) != 0) {
        abort();
    }
    house_take_devices(house, root, &news);
    house->list[0].asked = true;
    json_free(root);
    str_done(&news);
}

static void read_tokens(const char *text, size_t len)
{
    struct partner_tokens tokens = {0};
    struct str why = STR_INIT;
    int err = partner_read(text, len, 200, &tokens, &why);
    if ((err == 0) != (tokens.access.len > 0) || (err == 0) != (why.len == 0)) {
        abort();
    }
    str_done(&tokens.access);
    str_done(&tokens.refresh);
    str_done(&why);
}

static void take(struct house *house, const struct json *root, bool answer, struct str *why)
{
    struct str news = STR_INIT;
    const struct json *states = json_get(root, "deviceState"), *devices = json_get(root, "devices");
    if (judge_states(states, house, answer, why) == 0) {
        house_take_states(house, states, &news);
    } else if (why->len == 0) {
        abort(); /* whatever is wrong is said */
    }
    str_clear(why);
    if (judge_devices(devices, why) == 0) {
        house_take_devices(house, devices, &news);
    } else if (why->len == 0) {
        abort();
    }
    for (size_t i = 0; i < house->count; i++) {
        device_describe_bits(&news, &house->list[i], UINT32_MAX);
    }
    str_done(&news);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data + (size > 0);
    size_t len = size - (size > 0);
    struct json *root = NULL;
    struct house house = {0};
    struct str why = STR_INIT;
    read_tokens(text, len);
    if (judge_parse(text, len, &root, &why) == 0) {
        make_house(&house);
        (void)judge_answer(root, "commandResponse", "R", &why);
        (void)judge_headers(root, NULL, NULL, &why);
        str_clear(&why);
        take(&house, root, size > 0 && data[0] % 2 == 0, &why);
    }
    json_free(root);
    house_done(&house);
    str_done(&why);
    return 0;
}
