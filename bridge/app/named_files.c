#include "app/named_files.h"

#include <stdio.h>

#include "base/err.h"

struct list {
    struct named_file *files;
    size_t count;
};

static void add(struct list *list, const char *key, const char *broker, const char *path)
{
    if (path && *path && list->count < NAMED_FILES_MAX) {
        struct named_file *file = &list->files[list->count++];
        (void)snprintf(file->name, sizeof file->name, broker ? "mqtt.%s.%s" : "%s%s", broker ? broker : "", key);
        file->path = path;
    }
}

int named_files(const struct config *config, struct named_file ret_files[NAMED_FILES_MAX], size_t *ret_count)
{
    struct list list = {ret_files, 0};
    add(&list, NAMED_KEY, NULL, config->store.key_file);
    add(&list, "smartthings.client_secret_file", NULL, config->smartthings.client_secret_file);
    add(&list, "smartthings.callback_client_secret_file", NULL, config->smartthings.callback_client_secret_file);
    const struct config_smartapp *app = config->smartthings.smartapp;
    if (app) {
        add(&list, "smartthings.smartapp.client_secret_file", NULL, app->client_secret_file);
        add(&list, "smartthings.smartapp.provider.client_secret_file", NULL, app->provider.client_secret_file);
    }
    for (unsigned i = 0; i < config->mqtt_count; i++) {
        add(&list, "password_file", config->mqtt[i].name, config->mqtt[i].password_file);
        add(&list, "ca_file", config->mqtt[i].name, config->mqtt[i].ca_file);
    }
    *ret_count = list.count;
    return list.count < NAMED_FILES_MAX ? 0 : ERR_TOO_LARGE;
}
