/* What a person sees and presses on a page of linking: its forms, and what it says. Enough HTML for pages without
   scripts; pure. */
#ifndef REHEARSAL_PAGE_H
#define REHEARSAL_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

#define PAGE_FORMS 4u
#define PAGE_FIELDS 16u
#define PAGE_VALUE_MAX 4096u /* bytes of an attribute */

enum page_kind { PAGE_TEXT, PAGE_PASSWORD, PAGE_HIDDEN, PAGE_BUTTON };

struct page_field {
    enum page_kind kind;
    char *name, *value; /* "" where the page has none */
};

struct page_form {
    char *action; /* as on the page; "" is the page itself */
    bool post;
    struct page_field fields[PAGE_FIELDS];
    size_t count;
};

struct page {
    struct page_form forms[PAGE_FORMS];
    size_t count;
};

/* Reads the forms; what is over a limit is left out. Never fails: a page without a form has none. Release with
   page_done. */
void page_read(struct page *page, const char *html, size_t len);
void page_done(struct page *page);

const struct page_form *page_login_form(const struct page *page);   /* the one that asks for a password; NULL */
const struct page_form *page_consent_form(const struct page *page); /* the one with a button to allow; NULL */
const struct page_field *page_allow_button(const struct page_form *form);

/* The form as its browser would post it: hidden fields as they are, the text field and the password filled in, and the
   button that was pressed (NULL: none). */
void page_fill(struct str *body, const struct page_form *form, const char *text, const char *password,
               const struct page_field *button);

/* The page's heading and its error, or else its first paragraph, as one line: how a page that was not expected is told.
 */
void page_says(struct str *s, const char *html, size_t len);

#endif
