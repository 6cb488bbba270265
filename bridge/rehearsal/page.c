#include "rehearsal/page.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/url.h"

#define SAYS_MAX 300u /* bytes */

/* ---- tags ---- */

struct tag {
    const char *name;
    size_t name_len;
    const char *rest, *end; /* attributes: [rest, end) */
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && is_space(*at)) {
        at++;
    }
    return at;
}

/* The next tag from *at on, which moves behind it. A '>' in a quoted value does not end the tag. */
static bool next_tag(const char **at, const char *end, struct tag *tag)
{
    const char *open = *at < end ? memchr(*at, '<', (size_t)(end - *at)) : NULL;
    char quote = 0;
    if (!open) {
        return false;
    }
    tag->name = open + 1;
    const char *p = tag->name;
    while (p < end && !is_space(*p) && *p != '>') {
        p++;
    }
    tag->name_len = (size_t)(p - tag->name);
    tag->rest = p;
    while (p < end && (quote || *p != '>')) {
        quote = quote ? (*p == quote ? 0 : quote) : (*p == '"' || *p == '\'' ? *p : 0);
        p++;
    }
    tag->end = p;
    *at = p < end ? p + 1 : end;
    return true;
}

static bool is_tag(const struct tag *tag, const char *name)
{
    return tag->name_len == strlen(name) && strncasecmp(tag->name, name, tag->name_len) == 0;
}

static void decode_entities(struct str *s, const char *text, size_t len)
{
    static const struct {
        const char *entity;
        char c;
    } entities[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}, {"&#x27;", '\''}};
    for (size_t i = 0; i < len;) {
        size_t k = 0, size = 0;
        for (; k < sizeof entities / sizeof entities[0]; k++) {
            size = strlen(entities[k].entity);
            if (len - i >= size && memcmp(text + i, entities[k].entity, size) == 0) {
                break;
            }
        }
        bool found = k < sizeof entities / sizeof entities[0];
        str_add_char(s, found ? entities[k].c : text[i]);
        i += found ? size : 1;
    }
}

/* The value of one attribute; NULL if the tag has none of this name. The caller frees. */
static char *attribute(const struct tag *tag, const char *wanted)
{
    const char *p = tag->rest;
    while ((p = skip_space(p, tag->end)) < tag->end) {
        const char *name = p;
        while (p < tag->end && !is_space(*p) && *p != '=') {
            p++;
        }
        size_t name_len = (size_t)(p - name);
        const char *value = "", *value_end = value;
        p = skip_space(p, tag->end);
        if (p < tag->end && *p == '=') {
            p = skip_space(p + 1, tag->end);
            char quote = p < tag->end && (*p == '"' || *p == '\'') ? *p : 0;
            p += quote != 0;
            value = p;
            while (p < tag->end && (quote ? *p != quote : !is_space(*p))) {
                p++;
            }
            value_end = p;
            p += quote && p < tag->end;
        }
        if (name_len == strlen(wanted) && strncasecmp(name, wanted, name_len) == 0 &&
            (size_t)(value_end - value) <= PAGE_VALUE_MAX) {
            struct str s = STR_INIT;
            decode_entities(&s, value, (size_t)(value_end - value));
            return str_take(&s);
        }
    }
    return NULL;
}

/* ---- forms ---- */

static enum page_kind kind_of(const struct tag *tag)
{
    static const struct {
        const char *type;
        enum page_kind kind;
    } types[] = {
        {"password", PAGE_PASSWORD}, {"hidden", PAGE_HIDDEN}, {"submit", PAGE_BUTTON}, {"button", PAGE_BUTTON}};
    enum page_kind kind = is_tag(tag, "button") ? PAGE_BUTTON : PAGE_TEXT;
    char *type = attribute(tag, "type");
    for (size_t i = 0; type && i < sizeof types / sizeof types[0]; i++) {
        if (strcasecmp(type, types[i].type) == 0) {
            kind = types[i].kind;
        }
    }
    free(type);
    return kind;
}

static void add_field(struct page_form *form, const struct tag *tag)
{
    char *name = attribute(tag, "name");
    char *value = attribute(tag, "value");
    if (form->count == PAGE_FIELDS || (!name && kind_of(tag) != PAGE_BUTTON)) {
        free(name);
        free(value);
        return;
    }
    form->fields[form->count++] =
        (struct page_field){kind_of(tag), name ? name : mem_text(""), value ? value : mem_text("")};
}

void page_read(struct page *page, const char *html, size_t len)
{
    const char *at = html, *end = html + len;
    struct page_form *form = NULL;
    struct tag tag;
    *page = (struct page){0};
    while (next_tag(&at, end, &tag)) {
        if (is_tag(&tag, "form") && page->count < PAGE_FORMS) {
            char *method = attribute(&tag, "method");
            char *action = attribute(&tag, "action");
            form = &page->forms[page->count++];
            form->post = method && strcasecmp(method, "post") == 0;
            form->action = action ? action : mem_text("");
            free(method);
        } else if (is_tag(&tag, "/form")) {
            form = NULL;
        } else if (form && (is_tag(&tag, "input") || is_tag(&tag, "button"))) {
            add_field(form, &tag);
        }
    }
}

void page_done(struct page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        struct page_form *form = &page->forms[i];
        for (size_t k = 0; k < form->count; k++) {
            free(form->fields[k].name);
            free(form->fields[k].value);
        }
        free(form->action);
    }
    *page = (struct page){0};
}

const struct page_form *page_login_form(const struct page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        for (size_t k = 0; k < page->forms[i].count; k++) {
            if (page->forms[i].fields[k].kind == PAGE_PASSWORD) {
                return &page->forms[i];
            }
        }
    }
    return NULL;
}

const struct page_field *page_allow_button(const struct page_form *form)
{
    static const char *const words[] = {"allow", "authorize", "approve", "yes"};
    for (size_t k = 0; k < form->count; k++) {
        for (size_t w = 0; form->fields[k].kind == PAGE_BUTTON && w < sizeof words / sizeof words[0]; w++) {
            if (strcasecmp(form->fields[k].value, words[w]) == 0) {
                return &form->fields[k];
            }
        }
    }
    return NULL;
}

const struct page_form *page_consent_form(const struct page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        if (page_allow_button(&page->forms[i])) {
            return &page->forms[i];
        }
    }
    return NULL;
}

static void add_pair(struct str *body, const char *name, const char *value)
{
    if (body->len > 0) {
        str_add_char(body, '&');
    }
    url_encode(body, name, strlen(name));
    str_add_char(body, '=');
    url_encode(body, value, strlen(value));
}

void page_fill(struct str *body, const struct page_form *form, const char *text, const char *password,
               const struct page_field *button)
{
    for (size_t k = 0; k < form->count; k++) {
        const struct page_field *f = &form->fields[k];
        const char *const values[] = {[PAGE_TEXT] = text,
                                      [PAGE_PASSWORD] = password,
                                      [PAGE_HIDDEN] = f->value,
                                      [PAGE_BUTTON] = f == button ? f->value : NULL};
        if (f->name[0] != '\0' && values[f->kind]) {
            add_pair(body, f->name, values[f->kind]);
        }
    }
}

/* ---- what it says ---- */

/* The text up to the next tag that is `last`, without tags and with single spaces. */
static void add_text(struct str *s, const char *at, const char *end, const char *last)
{
    struct str raw = STR_INIT;
    struct tag tag;
    while (at < end && s->len + raw.len < SAYS_MAX) {
        const char *open = memchr(at, '<', (size_t)(end - at));
        decode_entities(&raw, at, (size_t)((open ? open : end) - at));
        at = open ? open : end;
        if (!next_tag(&at, end, &tag) || is_tag(&tag, last)) {
            break;
        }
    }
    for (size_t i = 0; i < raw.len && s->len < SAYS_MAX; i++) {
        bool space = is_space(raw.data[i]);
        if (!space || (s->len > 0 && s->data[s->len - 1] != ' ')) {
            str_add_char(s, space ? ' ' : raw.data[i]);
        }
    }
    str_done(&raw);
}

/* The first paragraph that tells of an error, or else the first of all; NULL: there is none. */
static const char *find_paragraph(const char *at, const char *end)
{
    const char *first = NULL;
    struct tag tag;
    while (next_tag(&at, end, &tag)) {
        if (!is_tag(&tag, "p")) {
            continue;
        }
        char *class = attribute(&tag, "class");
        bool error = class && strcmp(class, "error") == 0;
        free(class);
        if (error) {
            return at;
        }
        first = first ? first : at;
    }
    return first;
}

void page_says(struct str *s, const char *html, size_t len)
{
    const char *at = html, *end = html + len;
    struct tag tag;
    while (next_tag(&at, end, &tag)) {
        if (is_tag(&tag, "h1")) {
            const char *paragraph = find_paragraph(at, end);
            add_text(s, at, end, "/h1");
            if (paragraph) {
                str_add_z(s, ": ");
                add_text(s, paragraph, end, "/p");
            }
            return;
        }
    }
}
