/* Cutting a large array into its elements: brackets are balanced and strings skipped, nothing more. */
#include "base/err.h"
#include "base/json.h"

enum { CUT_BEGIN, CUT_FIRST, CUT_MORE, CUT_END, CUT_BROKEN };

void json_cut_init(struct json_cut *cut, const char *bytes, size_t len)
{
    *cut = (struct json_cut){bytes, len, 0, CUT_BEGIN};
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_space(struct json_cut *cut)
{
    while (cut->at < cut->len && is_space(cut->bytes[cut->at])) {
        cut->at++;
    }
}

static bool take(struct json_cut *cut, char c)
{
    skip_space(cut);
    if (cut->at < cut->len && cut->bytes[cut->at] == c) {
        cut->at++;
        return true;
    }
    return false;
}

/* Behind the opening quote: moves behind the closing one. */
static bool skip_string(struct json_cut *cut)
{
    while (cut->at < cut->len) {
        char c = cut->bytes[cut->at++];
        if (c == '"') {
            return true;
        }
        if (c == '\\') {
            cut->at++;
        }
    }
    return false;
}

/* Moves to the ',' or ']' behind the element that begins here. */
static bool skip_element(struct json_cut *cut)
{
    size_t depth = 0;
    while (cut->at < cut->len) {
        char c = cut->bytes[cut->at];
        if (depth == 0 && (c == ',' || c == ']' || c == '}')) {
            return c != '}';
        }
        cut->at++;
        if (c == '"' && !skip_string(cut)) {
            return false;
        }
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
    }
    return false;
}

static int end_or_broken(struct json_cut *cut)
{
    skip_space(cut);
    cut->state = cut->at == cut->len ? CUT_END : CUT_BROKEN;
    return cut->state == CUT_END ? 0 : ERR_INVALID;
}

int json_cut_next(struct json_cut *cut, const char **ret_bytes, size_t *ret_len)
{
    if (cut->state == CUT_END) {
        return 0;
    }
    if (cut->state == CUT_BEGIN) {
        cut->state = take(cut, '[') ? CUT_FIRST : CUT_BROKEN;
    }
    if (cut->state != CUT_BROKEN && take(cut, ']')) {
        return end_or_broken(cut);
    }
    if (cut->state == CUT_MORE && !take(cut, ',')) {
        cut->state = CUT_BROKEN;
    }
    skip_space(cut);
    size_t from = cut->at;
    if (cut->state == CUT_BROKEN || !skip_element(cut) || cut->at > cut->len || cut->at == from) {
        cut->state = CUT_BROKEN;
        return ERR_INVALID;
    }
    *ret_bytes = cut->bytes + from;
    *ret_len = cut->at - from;
    while (*ret_len > 0 && is_space((*ret_bytes)[*ret_len - 1])) {
        (*ret_len)--;
    }
    cut->state = CUT_MORE;
    return 1;
}
