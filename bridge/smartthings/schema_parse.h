/* What SmartThings sends, as a struct: bytes in, values out; no I/O, no clock, no knowledge of lights. */
#ifndef SMARTTHINGS_SCHEMA_PARSE_H
#define SMARTTHINGS_SCHEMA_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json;

#define SCHEMA_MAX_DEVICES 20000u /* in one request */
#define SCHEMA_MAX_COMMANDS 256u  /* to one device */
#define SCHEMA_MAX_ALL_COMMANDS 40000u
#define SCHEMA_MAX_ARGUMENTS 8u
/* Lengths in bytes: those of the API's description, doubled, so that a change there breaks nothing here. */
#define SCHEMA_MAX_REQUEST_ID 256u
#define SCHEMA_MAX_TYPE 64u
#define SCHEMA_MAX_TOKEN 8192u
#define SCHEMA_MAX_DEVICE_ID 512u
#define SCHEMA_MAX_NAME 64u /* component, capability, command */
#define SCHEMA_MAX_URL 2047u
#define SCHEMA_MAX_ERROR 1024u /* errorEnum and detail of an interactionResult */
#define SCHEMA_MAX_ANSWER (256u * 1024u)

enum interaction_type {
    INTERACTION_UNKNOWN, /* well formed, of a type we do not know */
    INTERACTION_DISCOVERY,
    INTERACTION_STATE_REFRESH,
    INTERACTION_COMMAND,
    INTERACTION_GRANT,
    INTERACTION_DELETED,
    INTERACTION_RESULT,
    INTERACTION_TYPES,
};

enum schema_argument_kind { SCHEMA_NUMBER, SCHEMA_TEXT, SCHEMA_OBJECT, SCHEMA_OTHER };

/* An argument of a command. Of an object those members are kept that colorControl's setColor knows. */
struct schema_argument {
    enum schema_argument_kind kind;
    bool integral; /* number: has no fraction */
    double number;
    const char *text;
};
enum { SCHEMA_HAS_HUE = 1, SCHEMA_HAS_SATURATION = 2, SCHEMA_HAS_LEVEL = 4, SCHEMA_BROKEN = 8 };
struct schema_color {
    unsigned has; /* SCHEMA_HAS_*; SCHEMA_BROKEN: one of them is there and no number */
    double hue, saturation, level;
    const char *power, *hex; /* "on"/"off", "#rrggbb"; NULL if absent */
};

struct interaction_command {
    const char *component, *capability, *command; /* component: "main" where it was left out */
    struct schema_argument arguments[2];          /* the first two; more are counted and not kept */
    unsigned argument_count;
    struct schema_color color; /* of the first argument, where that is an object */
};

struct interaction_device {
    const char *id; /* externalDeviceId */
    struct interaction_command *commands;
    size_t command_count;
};

struct interaction {
    enum interaction_type type;
    const char *type_text;  /* as sent; NULL if it could not be read */
    const char *request_id; /* likewise */
    const char *token;      /* authentication.token; NULL only in an interactionResult */
    struct interaction_device *devices;
    size_t device_count;
    struct { /* grantCallbackAccess */
        const char *grant_type, *code, *client_id, *token_url, *callback_url;
    } grant;
    struct { /* interactionResult; each may be NULL */
        const char *originating, *error, *detail, *device_id;
        size_t device_errors;
    } result;
    const char *what; /* why it was refused: a static sentence */

    struct json *root; /* what all the texts borrow from */
    struct interaction_command *commands;
};

/* Reads one command; the SmartApp's come with another word for the component. ERR_INVALID, ERR_TOO_LARGE with a static
   sentence in *ret_what. Texts borrow from v. */
int schema_read_command(const struct json *v, const char *component_key, struct interaction_command *ret_command,
                        const char **ret_what);

/* ERR_INVALID, ERR_TOO_LARGE: not what the protocol allows; type_text and request_id are there where they could be
   read, and `what` says why. interaction_done in any case. An unknown type is no error. */
int schema_parse(const char *bytes, size_t len, struct interaction *interaction);
void interaction_done(struct interaction *interaction);

/* What SmartThings answers to our POSTs: tokens, or a globalError, or nothing of interest. */
struct schema_answer {
    const char *access_token, *refresh_token; /* both or none; refresh_token may be NULL with access_token set */
    int64_t expires_in;                       /* s; 0 unknown */
    const char *error, *detail;               /* globalError, or OAuth's error; NULL if none */
    struct json *root;
};
/* ERR_INVALID: no JSON object (an empty body is one: the answer is empty). schema_answer_done in any case. */
int schema_parse_answer(const char *bytes, size_t len, struct schema_answer *answer);
void schema_answer_done(struct schema_answer *answer);

#endif
