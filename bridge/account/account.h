/* The OAuth endpoints and their pages: HTTP on one side, oauth/ on the other.

   GET  /oauth/authorize  checks the request (RFC 6749 4.1.1) and shows the login
   POST /oauth/login      303 to the consent page, or back to the login page, which says why
   GET  /oauth/login      the login page once more
   GET  /oauth/consent    the consent page; what was decided, once it is
   POST /oauth/consent    303 to the client with code and state, or with access_denied
   POST /oauth/token      RFC 6749 4.1.3, 6; errors as 5.2; PKCE as RFC 7636; a JSON object as LIFX's, too
   POST /oauth/revoke     RFC 7009
   POST /oauth/introspect RFC 7662
   GET  /.well-known/oauth-authorization-server  RFC 8414

   `state` goes back byte for byte: the raw bytes of the query are kept here and copied into the Location header. No
   scripts, no cookies but one that binds the forms to the browser which asked. */
#ifndef ACCOUNT_ACCOUNT_H
#define ACCOUNT_ACCOUNT_H

struct loop;
struct oauth;
struct http_exchange;
struct account;

struct account_config {
    const char *public_url; /* the public origin, NULL if not configured; https makes the cookie Secure */
};

int account_new(struct loop *loop, struct oauth *oauth, const struct account_config *config,
                struct account **ret_account);
/* Free it after the oauth: that answers what is under way here (ERR_CANCELLED: 503). */
void account_free(struct account *account);

/* Handlers; context is the struct account. */
void account_authorize(struct http_exchange *exchange, void *context);
void account_login(struct http_exchange *exchange, void *context);
void account_login_page(struct http_exchange *exchange, void *context);
void account_consent(struct http_exchange *exchange, void *context);
void account_consent_page(struct http_exchange *exchange, void *context);
void account_token(struct http_exchange *exchange, void *context);
void account_revoke(struct http_exchange *exchange, void *context);
void account_introspect(struct http_exchange *exchange, void *context);
void account_metadata(struct http_exchange *exchange, void *context);

#endif
