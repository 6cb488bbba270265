/* What the steps of linking are, and why they fail. Adding a cause is adding a row; a name that was ever written to a
   store or a document is never changed. */
#include "oauth/trace.h"

#include <string.h>

static const struct trace_step_row steps[TRACE_STEPS] = {
    [TRACE_AUTHORIZE] = {.name = "authorize",
                         .title = "authorization request",
                         .after = TRACE_AUTHORIZE,
                         .implies = TRACE_AUTHORIZE,
                         .request = "GET /oauth/authorize"},
    [TRACE_LOGIN] = {.name = "login",
                     .title = "login",
                     .after = TRACE_AUTHORIZE,
                     .implies = TRACE_AUTHORIZE,
                     .deadline_s = 600,
                     .absence = CAUSE_NO_LOGIN,
                     .request = "POST /oauth/login"},
    [TRACE_CONSENT] = {.name = "consent",
                       .title = "consent",
                       .after = TRACE_LOGIN,
                       .implies = TRACE_LOGIN,
                       .deadline_s = 600,
                       .absence = CAUSE_NO_CONSENT,
                       .request = "POST /oauth/consent"},
    [TRACE_CODE] = {.name = "code", .title = "code issued", .after = TRACE_CONSENT, .implies = TRACE_CONSENT},
    [TRACE_TOKEN] = {.name = "token",
                     .title = "token request",
                     .after = TRACE_CODE,
                     .implies = TRACE_CODE,
                     .deadline_s = 30,
                     .absence = CAUSE_NO_TOKEN_CALL,
                     .request = "POST /oauth/token"},
    [TRACE_DISCOVERY] = {.name = "discovery",
                         .title = "discovery",
                         .after = TRACE_TOKEN,
                         .implies = TRACE_TOKEN,
                         .deadline_s = 60,
                         .webhook = true,
                         .absence = CAUSE_NO_DISCOVERY,
                         .request = "POST /smartthings/schema (discoveryRequest)"},
    [TRACE_STATE_REFRESH] = {.name = "state_refresh",
                             .title = "state refresh",
                             .after = TRACE_DISCOVERY,
                             .implies = TRACE_DISCOVERY,
                             .deadline_s = 60,
                             .webhook = true,
                             .absence = CAUSE_NO_STATE_REFRESH,
                             .request = "POST /smartthings/schema (stateRefreshRequest)"},
    /* that SmartThings grants us something says nothing about what it thinks of our list */
    [TRACE_GRANT] = {.name = "callback_access",
                     .title = "callback access",
                     .after = TRACE_DISCOVERY,
                     .implies = TRACE_TOKEN,
                     .deadline_s = 120,
                     .webhook = true,
                     .absence = CAUSE_NO_GRANT,
                     .request = "POST /smartthings/schema (grantCallbackAccess)"},
    [TRACE_CALLBACK_TOKEN] = {.name = "callback_token",
                              .title = "callback token",
                              .after = TRACE_GRANT,
                              .implies = TRACE_GRANT,
                              .deadline_s = 60,
                              .webhook = true,
                              .absence = CAUSE_NO_CALLBACK_TOKEN},
    /* comes with the first change of a lamp, so it has no deadline; each POST's failure is an event */
    [TRACE_CALLBACK] = {.name = "callback",
                        .title = "callback",
                        .after = TRACE_CALLBACK_TOKEN,
                        .implies = TRACE_CALLBACK_TOKEN,
                        .webhook = true},
    [TRACE_REFRESH] = {.name = "refresh",
                       .title = "token refresh",
                       .after = TRACE_TOKEN,
                       .implies = TRACE_TOKEN,
                       .deadline_s = 60,
                       .on_demand = true,
                       .absence = CAUSE_NO_REFRESH,
                       .request = "POST /oauth/token (grant_type refresh_token)"},
    [TRACE_COMMAND] =
        {.name = "command", .title = "command", .after = TRACE_DISCOVERY, .implies = TRACE_DISCOVERY, .webhook = true},
    [TRACE_SMARTAPP] = {.name = "smartapp", .title = "SmartApp", .after = TRACE_TOKEN, .implies = TRACE_TOKEN},
};

#define TO_CONSOLE "in SmartThings' developer console"
#define REACH                                                                                                          \
    "the public URL's name must resolve from outside, its port lie between 80 and 8002 and be forwarded, the "         \
    "certificate be valid with its whole chain, and no firewall or tunnel stand between. `lightbridge doctor` looks "

static const struct trace_cause_row causes[TRACE_CAUSES] = {
    [CAUSE_NONE] = {"", "", "", 0},

    [CAUSE_MALFORMED_REQUEST] = {"malformed_request", "The app's authorization request cannot be read.",
                                 "Compare the authorization URL " TO_CONSOLE " with PUBLIC_URL/oauth/authorize; "
                                 "nothing must be added to it.",
                                 0},
    [CAUSE_NO_CLIENT_ID] = {"no_client_id", "The authorization request does not say which client asks.",
                            "Enter smartthings.client_id as the client id of account linking " TO_CONSOLE ".", 0},
    [CAUSE_UNKNOWN_CLIENT] =
        {"unknown_client", "The client id of the authorization request is none that the bridge knows.",
         "Make smartthings.client_id in the configuration and the client id of account linking " TO_CONSOLE
         " the same.",
         0},
    [CAUSE_SWAPPED_CREDENTIALS] = {"swapped_credentials",
                                   "The two pairs of credentials are swapped: what SmartThings gave to the bridge "
                                   "(smartthings.callback_client_id and its secret) came where the bridge's own "
                                   "(smartthings.client_id and its secret) belongs, or the other way round.",
                                   "The console's account linking gets smartthings.client_id and its secret; the pair "
                                   "that the console shows after registration goes into callback_client_id and "
                                   "callback_client_secret_file.",
                                   0},
    [CAUSE_NO_REDIRECT_URI] =
        {"no_redirect_uri", "The authorization request does not say where to go back to: redirect_uri is missing.",
         "Start linking in the app: it adds redirect_uri by itself, a page that was opened by hand "
         "does not. If it was the app, compare the authorization URL " TO_CONSOLE " with PUBLIC_URL/oauth/authorize.",
         0},
    [CAUSE_REDIRECT_URI_MISMATCH] = {"redirect_uri_mismatch",
                                     "The app asks to be sent to an address that is not registered for it.",
                                     "If the address that it asks for is the app's own, add it to "
                                     "smartthings.redirect_uris, letter by letter (of other apps: `lightbridge client "
                                     "add`). If you do not know it, leave it: somebody else tried.",
                                     0},
    [CAUSE_REDIRECT_URI_REGION] = {"redirect_uri_region",
                                   "The app asks to be sent to SmartThings' callback of a region that is not "
                                   "registered.",
                                   "Add the address to smartthings.redirect_uris, or remove that key: its default has "
                                   "the callbacks of all regions.",
                                   0},
    [CAUSE_STATE_TOO_LONG] = {"state_too_long", "The app's state is longer than the bridge takes.",
                              "Start again in the app. If it happens again, report it: no such state was ever seen of "
                              "SmartThings.",
                              0},
    [CAUSE_BAD_AUTHORIZATION_REQUEST] =
        {"bad_authorization_request", "The authorization request asks for something that is not offered.",
         "Right is response_type=code, which SmartThings sends by itself: was it another "
         "app, or a page that was opened by hand? The app was told what is wrong at its "
         "own address (RFC 6749 4.1.2.1).",
         0},
    [CAUSE_SCOPE] = {"scope", "The app asks for a scope that is not known, or that it may not have.",
                     "Right are devices:read and devices:control, as far as `lightbridge client list` shows them for "
                     "it.",
                     0},
    [CAUSE_CODE_CHALLENGE] = {"code_challenge", "The app's proof key (PKCE) is missing or of a kind that is not taken.",
                              "Right would be code_challenge with code_challenge_method=S256; a client that keeps a "
                              "secret may do without.",
                              0},
    [CAUSE_NO_ACCOUNT] = {"no_account", "There is no account on the bridge that could log in.",
                          "Make one with `lightbridge account add NAME`, and link again.", 0},
    [CAUSE_STORE_UNWELL] = {"store_unwell", "The bridge could not do this while its store is unwell.",
                            "`lightbridge doctor` says what is wrong with the store; link again afterwards.", 0},

    [CAUSE_NO_COOKIE] = {"no_cookie", "The browser did not send back the cookie of the login page.",
                         "Allow cookies for the bridge's page, and start again in the app; a page that was left open "
                         "from an earlier attempt does not count.",
                         0},
    [CAUSE_WRONG_PASSWORD] = {"wrong_password", "The password was wrong.",
                              "Try again, or set a new one with `lightbridge account password NAME`.", 0},
    [CAUSE_UNKNOWN_ACCOUNT] = {"unknown_account", "There is no account of the name that was entered.",
                               "`lightbridge account list` shows the names.", 0},
    [CAUSE_LOGIN_BUSY] = {"login_busy", "Too many were logging in at once.", "Try again after a few seconds.", 0},
    [CAUSE_LOGIN_DELAYED] = {"login_delayed", "After several wrong passwords the next try came too early.",
                             "The page says how long to wait, a minute at most. If it was not you: somebody guesses.",
                             0},
    [CAUSE_NO_LOGIN] = {"no_login", "The login page was sent, and nobody logged in.",
                        "Did the page show in the app? If it stayed blank: does the authorization URL " TO_CONSOLE
                        " open in a phone's browser outside of the house, without a warning of its certificate?",
                        0},
    [CAUSE_CONSENT_DENIED] = {"consent_denied", "The person pressed \"Do not allow\".",
                              "Start again in the app, and press Allow.", 0},
    [CAUSE_NO_CONSENT] = {"no_consent", "The person logged in, and did not press Allow.",
                          "Start again in the app, and press Allow on the page after the login.", 0},
    [CAUSE_ACCOUNT_REMOVED] = {"account_removed", "The account was removed while it was being linked.",
                               "Link another account.", 0},
    [CAUSE_TOO_MANY_LINKS] = {"too_many_links", "The bridge holds as many links as it can.",
                              "End some with `lightbridge unlink ID`.", 0},

    [CAUSE_NOT_A_FORM] = {"not_a_form", "The token request's body is not application/x-www-form-urlencoded.",
                          "RFC 6749 4.1.3 asks for it, and SmartThings sends it: is something between that rewrites "
                          "requests, or is another program asking?",
                          0},
    [CAUSE_MALFORMED_FORM] = {"malformed_form", "The token request's form cannot be read.",
                              "Is something between that rewrites requests, or is another program asking?", 0},
    [CAUSE_NO_CREDENTIALS] = {"no_credentials", "The token request came without the client's id or secret.",
                              "Enter both, smartthings.client_id and its secret, for account linking " TO_CONSOLE
                              "; of another app, what `lightbridge client add` showed.",
                              0},
    [CAUSE_BAD_AUTHORIZATION_HEADER] = {"bad_authorization_header",
                                        "The token request's Authorization header is not HTTP Basic.",
                                        "Does a proxy in front of the bridge add a header of its own?", 0},
    [CAUSE_BOTH_AUTH_STYLES] = {"both_auth_styles",
                                "The token request carries the client's secret twice, by header and by form.",
                                "RFC 6749 2.3 allows one of them. Does a proxy in front of the bridge add a header?",
                                0},
    [CAUSE_CLIENT_IDS_DIFFER] = {"client_ids_differ",
                                 "The token request names one client in its header and another in its form.",
                                 "Does a proxy in front of the bridge add a header of its own?", 0},
    [CAUSE_WRONG_CLIENT_ID] =
        {"wrong_client_id", "The token request's client id is none that the bridge knows.",
         "Make smartthings.client_id in the configuration and the client id of account linking " TO_CONSOLE
         " the same.",
         0},
    [CAUSE_WRONG_CLIENT_SECRET] =
        {"wrong_client_secret", "The token request's client id is right, and its secret is not.",
         "Enter the content of smartthings.client_secret_file as the client secret of account "
         "linking " TO_CONSOLE ", without a space or line break. Another app's is the one that "
         "`lightbridge client add` showed: if it is lost, remove the client and add it anew.",
         0},
    [CAUSE_NO_SECRET_CONFIGURED] = {"no_secret_configured",
                                    "The token request names a client for which the configuration has no secret.",
                                    "Set smartthings.client_secret_file, and enter its content " TO_CONSOLE ".", 0},
    [CAUSE_PUBLIC_CLIENT_SECRET] = {"public_client_secret",
                                    "The token request shows a secret for a client that was added as public: it has "
                                    "none.",
                                    "Let the app send its client_id alone, with PKCE's code_verifier; if it can keep a "
                                    "secret, remove the client and add it anew without --public.",
                                    0},
    [CAUSE_WRONG_GRANT_TYPE] = {"wrong_grant_type", "The token request's grant_type is not one that is offered.",
                                "Right would be authorization_code or refresh_token: is another program asking?", 0},
    [CAUSE_GRANT_INCOMPLETE] = {"grant_incomplete", "The token request lacks its code or its refresh token.",
                                "Is something between that rewrites requests, or is another program asking?", 0},
    [CAUSE_CODE_UNKNOWN] =
        {"code_unknown", "The code is none that this bridge issued.",
         "Was it cut or changed on its way, does it come from another bridge, or was `lightbridge store "
         "reset` run meanwhile? Link again.",
         0},
    [CAUSE_CODE_EXPIRED] = {"code_expired", "The code was redeemed too late: it lives ten minutes.",
                            "Link again. If that repeats, something holds SmartThings' requests back.", 0},
    [CAUSE_CODE_REUSED] =
        {"code_reused",
         "The code was redeemed a second time after its tokens had been used; as RFC 6749 4.1.2 asks, "
         "the link has been ended.",
         "Link again. If that repeats, something on the way sends requests twice, or somebody "
         "intercepts codes.",
         0},
    [CAUSE_CODE_OF_OTHER_CLIENT] = {"code_of_other_client", "The code was issued to another client.",
                                    "Two clients use each other's codes: compare their configurations.", 0},
    [CAUSE_REDIRECT_URI_DIFFERS_AT_TOKEN] =
        {"redirect_uri_differs_at_token",
         "The redirect_uri of the token request is not the one of the authorization "
         "request.",
         "Both must be the same, letter by letter (RFC 6749 4.1.3): is something "
         "between that rewrites one of them?",
         0},
    [CAUSE_CODE_VERIFIER] =
        {"code_verifier", "The token request's code_verifier does not fit the authorization request (PKCE).",
         "Link again. If that repeats, the app mixes up its attempts, or somebody else has got hold "
         "of the code.",
         0},
    [CAUSE_REFRESH_TOKEN_UNKNOWN] = {"refresh_token_unknown", "The refresh token is none that this bridge issued.",
                                     "It comes from another bridge, or `lightbridge store reset` was run: link again.",
                                     0},
    [CAUSE_REFRESH_TOKEN_OF_OTHER_CLIENT] = {"refresh_token_of_other_client",
                                             "The refresh token was issued to another client.",
                                             "Two clients use each other's tokens: compare their configurations.", 0},
    [CAUSE_REFRESH_TOKEN_REUSED] = {"refresh_token_reused",
                                    "A refresh token came again long after it had been replaced; as RFC 9700 4.14.2 "
                                    "asks, the link has been ended.",
                                    "Link again. If that repeats, the app does not keep the newest token, or somebody "
                                    "else has got hold of one.",
                                    0},
    [CAUSE_LINK_ENDED] = {"link_ended", "The link behind the code or token has ended.",
                          "`lightbridge links --all` says when and why. To use it again, link the account again.", 0},
    [CAUSE_NO_TOKEN_CALL] = {"no_token_call",
                             "The browser was sent back with a code, and nobody came to redeem it: SmartThings cannot "
                             "reach the token URL, or did not accept what the browser brought.",
                             "Is the token URL " TO_CONSOLE " PUBLIC_URL/oauth/token? If so: " REACH "at all of this.",
                             0},
    [CAUSE_NO_STATE] =
        {"no_state",
         "The authorization request had no state, so SmartThings could not know whom the code is for, and "
         "nobody came to redeem it.",
         "Was linking started in the app? A page that was opened by hand, or from a bookmark, has no "
         "state. Start in the app.",
         1u << TRACE_TOKEN},
    [CAUSE_PUBLIC_NOT_HTTPS] =
        {"public_not_https",
         "Nobody came to redeem the code, and the public URL is not https, which SmartThings asks "
         "for.",
         "Set public.url to the https address, and the three URLs " TO_CONSOLE " too.", 1u << TRACE_TOKEN},
    [CAUSE_NO_REFRESH] = {"no_refresh",
                          "SmartThings was told that its access token has expired, and did not come to refresh it.",
                          "Is the token URL " TO_CONSOLE " PUBLIC_URL/oauth/token? If so: " REACH "at all of this.", 0},

    [CAUSE_NO_DISCOVERY] = {"no_discovery",
                            "SmartThings has its tokens, and did not ask for the lights: it cannot reach the webhook.",
                            "Is the webhook URL " TO_CONSOLE " PUBLIC_URL/smartthings/schema, and the hosting type "
                            "\"webhook\"? If so: " REACH "at all of this.",
                            0},
    [CAUSE_NOTHING_LISTED] = {"nothing_listed", "SmartThings asked for the lights, and the bridge had none to show.",
                              "`lightbridge lights` shows what it knows: are the lamps there, and exposed? Lamps that "
                              "come later are told to SmartThings by themselves.",
                              1u << TRACE_STATE_REFRESH | 1u << TRACE_GRANT},
    [CAUSE_NO_STATE_REFRESH] = {"no_state_refresh",
                                "SmartThings was shown the lights, and did not ask for their states: it did not accept "
                                "the list, or our answer came too late.",
                                "In the app the lights are missing or show \"Checking status\": pull down there. If it "
                                "repeats, look for what slows the way from SmartThings to the bridge.",
                                0},
    [CAUSE_BAD_RESPONSE] = {"bad_response", "SmartThings did not accept the bridge's answer, and said why.",
                            "This is a fault of the bridge, or of something that changes its answers on their way: "
                            "report what it said.",
                            0},
    [CAUSE_DEVICE_REFUSED] = {"device_refused",
                              "SmartThings did not accept what the bridge's answer said of a device, and said why.",
                              "Report what it said, with the kind of lamp.", 0},
    [CAUSE_STALE_TOKEN] = {"stale_token", "A token of this link, which has ended, is still used.",
                           "SmartThings was told that the integration is gone. If the lights do not answer, remove the "
                           "linked service in the app, and link again.",
                           0},
    [CAUSE_TOKEN_UNKNOWN] =
        {"token_unknown", "Somebody asked at the webhook with a token that this bridge did not issue.",
         "If the lights of a linked account do not answer: was `lightbridge store reset` run, or did "
         "the bridge move without a restored backup? Then link again. Otherwise a stranger tried, and "
         "nothing is to be done.",
         0},

    [CAUSE_CALLBACK_NOT_CONFIGURED] = {"callback_not_configured",
                                       "The bridge has no credentials for callbacks, so SmartThings learns of changes "
                                       "only when it asks.",
                                       "Set smartthings.callback_client_id and callback_client_secret_file to what the "
                                       "developer console showed after registration, and pull down in the app.",
                                       1u << TRACE_GRANT},
    [CAUSE_NO_GRANT] = {"no_grant",
                        "SmartThings did not grant callback access, so it learns of changes only when it asks.",
                        "Pull down in the app, so that it discovers anew: the bridge asks for the grant each time.", 0},
    [CAUSE_GRANT_MALFORMED] = {"grant_malformed", "SmartThings' grant is of a kind that the bridge does not know.",
                               "Report it: no such grant was ever seen of SmartThings.", 0},
    [CAUSE_GRANT_REFUSED_CLIENT_ID] = {"grant_refused_client_id",
                                       "SmartThings' grant is for another client than smartthings.callback_client_id.",
                                       "Set callback_client_id and its secret to the pair that the console shows for "
                                       "this very project, and pull down in the app.",
                                       0},
    [CAUSE_CALLBACK_HOST_REFUSED] =
        {"callback_host_refused", "SmartThings' grant names callback addresses that are not allowed.",
         "They must be https on a host of smartthings.callback_hosts; add the host if it is "
         "SmartThings' own.",
         0},
    [CAUSE_NO_CALLBACK_TOKEN] =
        {"no_callback_token", "The grant was not turned into a callback token in time.",
         "`lightbridge links ID` and the log say why; the bridge keeps trying. If it does not come, pull "
         "down in the app: the next discovery asks for a new grant.",
         0},
    [CAUSE_CALLBACK_TOKEN_REFUSED] = {"callback_token_refused",
                                      "SmartThings does not honour the callback token or grant any more.",
                                      "The bridge asks for a new grant with the next discovery: pull down in the app.",
                                      0},
    [CAUSE_CALLBACK_CLIENT_REFUSED] =
        {"callback_client_refused", "SmartThings refuses smartthings.callback_client_id or its secret.",
         "Compare both with the console; if the secret was lost, let the console make a new "
         "one, and restart the bridge.",
         0},
    [CAUSE_CALLBACK_UNREACHABLE] = {"callback_unreachable", "SmartThings' callback address cannot be reached.",
                                    "Does the bridge reach the internet: name resolution, a firewall for outgoing "
                                    "connections, the clock (certificates need it)? It keeps trying.",
                                    0},
    [CAUSE_CALLBACK_BUSY] = {"callback_busy", "SmartThings is too busy to take callbacks, or broken.",
                             "Nothing: the bridge tries again by itself.", 0},
    [CAUSE_CALLBACK_REFUSED] = {"callback_refused", "SmartThings did not accept a callback, and said why.",
                                "Report what it said: the news of those lights were dropped, the next change is told "
                                "again.",
                                0},

    [CAUSE_SMARTAPP_UNSIGNED] = {"smartapp_unsigned", "Somebody called the SmartApp without a signature.",
                                 "SmartThings signs every call but PING: if nothing else is wrong a stranger tried. "
                                 "Otherwise a proxy takes the Authorization header away; it must pass it on.",
                                 0},
    [CAUSE_SMARTAPP_SIGNATURE_MALFORMED] = {"smartapp_signature_malformed",
                                            "The signature of a call to the SmartApp is of a kind that is not taken.",
                                            "Right is rsa-sha256 over (request-target), digest and date, which "
                                            "SmartThings sends for apps whose signatureType is ST_PADLOCK.",
                                            0},
    [CAUSE_SMARTAPP_KEY_ID] = {"smartapp_key_id",
                               "A call to the SmartApp names a key that is no plain path on the key host.",
                               "Nothing is to be done if a stranger tried. An old app with a static key must be given "
                               "signatureType ST_PADLOCK.",
                               0},
    [CAUSE_SMARTAPP_DATE] =
        {"smartapp_date", "A call to the SmartApp is dated more than 300 s from our clock, or its date cannot be read.",
         "Compare both clocks: the bridge needs the right time (timedatectl), and what came later than 300 s is not "
         "taken.",
         0},
    [CAUSE_SMARTAPP_DIGEST] = {"smartapp_digest", "The body of a call to the SmartApp is not what was signed.",
                               "A proxy or tunnel rewrites bodies: it must pass them on byte for byte.", 0},
    [CAUSE_SMARTAPP_KEY_FETCH] = {"smartapp_key_fetch", "The key that SmartThings signs with could not be had.",
                                  "The bridge must reach smartthings.smartapp.key_url from inside: name resolution, a "
                                  "firewall for outgoing connections? Its host must be on smartthings.callback_hosts.",
                                  0},
    [CAUSE_SMARTAPP_KEY] = {"smartapp_key", "What the key host gave is no key that can be used now.",
                            "Is smartthings.smartapp.key_url SmartThings' own, and our clock right?", 0},
    [CAUSE_SMARTAPP_SIGNATURE] =
        {"smartapp_signature", "The signature of a call to the SmartApp is wrong.",
         "A proxy that rewrites the path or a signed header breaks it: the path must arrive as it stands in the app's "
         "targetUrl, without a query. A stranger may have tried, too.",
         0},
    [CAUSE_SMARTAPP_REPLAY] =
        {"smartapp_replay", "A call to the SmartApp that was answered before came again.",
         "Nothing is to be done if it happens once: somebody, or a proxy that repeats requests, sent it again.", 0},
    [CAUSE_SMARTAPP_OTHER_APP] = {"smartapp_other_app",
                                  "A SmartApp that is not ours wants to be confirmed at this address.",
                                  "If it is yours, set smartthings.smartapp.app_id to its id.", 0},
    [CAUSE_SMARTAPP_CONFIRMATION_HOST] = {"smartapp_confirmation_host",
                                          "The SmartApp is to be confirmed at an address that is not allowed.",
                                          "It must be https on a host of smartthings.callback_hosts. If it is "
                                          "SmartThings' own, open it by hand: the log has it.",
                                          0},
    [CAUSE_SMARTAPP_CONFIRMATION_FAILED] = {"smartapp_confirmation_failed",
                                            "SmartThings did not take the confirmation of the SmartApp's address.",
                                            "It is good for a short time only: ask for another with PUT "
                                            "/apps/APP_ID/register, or the button in the developer workspace.",
                                            0},
    [CAUSE_SMARTAPP_CALLBACK_MALFORMED] = {"smartapp_callback_malformed",
                                           "SmartThings brought back a login from which no code can be read.",
                                           "Log in again in the app. The login page must send the browser to "
                                           "SmartThings' callback with code and state in the query, each once.",
                                           0},
    [CAUSE_SMARTAPP_LOGIN_DENIED] = {"smartapp_login_denied", "The login was ended without access being allowed.",
                                     "Log in again in the app, and allow access.", 0},
    [CAUSE_SMARTAPP_CODE_REFUSED] = {"smartapp_code_refused", "The code of the login is not honoured.",
                                     "Log in again in the app, within ten minutes, and from the SmartApp's own page: a "
                                     "code from elsewhere does not count.",
                                     0},
    [CAUSE_SMARTAPP_PROVIDER] = {"smartapp_provider", "The login's server gave no token for the code.",
                                 "Compare smartthings.smartapp.provider with what is registered there: token_url, "
                                 "client_id, its secret, and whether it wants HTTP Basic or JSON.",
                                 0},
    [CAUSE_SMARTAPP_HOST_REFUSED] = {"smartapp_host_refused",
                                     "An address of SmartThings that is configured is not on a host that is allowed.",
                                     "Add its host to smartthings.callback_hosts, if it is SmartThings' own.", 0},
    [CAUSE_SMARTAPP_UNREACHABLE] = {"smartapp_unreachable",
                                    "SmartThings does not answer the SmartApp's calls, or asks for patience.",
                                    "The bridge tries again by itself. If it lasts: does the bridge reach the "
                                    "internet, and smartthings.smartapp.api_url?",
                                    0},
    [CAUSE_SMARTAPP_TOKEN_REFUSED] = {"smartapp_token_refused",
                                      "SmartThings does not honour the SmartApp's token any more.",
                                      "Open the SmartApp's settings in the app and save them: that brings new tokens.",
                                      0},
    [CAUSE_SMARTAPP_CLIENT_REFUSED] =
        {"smartapp_client_refused",
         "SmartThings refuses smartthings.smartapp.client_id or its secret, or they are missing.",
         "Set both to what was shown when the app was made; the SmartApp's settings, saved in the app, bring new "
         "tokens meanwhile.",
         0},
    [CAUSE_SMARTAPP_DEVICE_REFUSED] = {"smartapp_device_refused",
                                       "SmartThings did not take what the bridge said of a device.",
                                       "What it answered says why; a limit of devices is SmartThings' own. Saving the "
                                       "SmartApp's settings in the app tries again.",
                                       0},
    [CAUSE_SMARTAPP_NO_PROFILE] =
        {"smartapp_no_profile", "A lamp is of a kind for which no device profile is configured.",
         "Run `lightbridge smartapp profiles`, and put what it prints into the configuration.", 0},
    [CAUSE_SMARTAPP_NO_OAUTH_CALLBACK] =
        {"smartapp_no_oauth_callback",
         "The login was sent back to SmartThings, and SmartThings did not bring its code to the SmartApp.",
         "SmartThings refuses a login (401) whose state did not come back byte for byte: was it started in the app? "
         "It also must reach the app's targetUrl, PUBLIC_URL/smartthings/smartapp; an app of type API_ONLY opens a "
         "host "
         "that does not exist, it must be a WEBHOOK_SMART_APP.",
         1u << TRACE_TOKEN},
};

static const char *const outcomes[] = {
    [TRACE_OK] = "ok", [TRACE_REFUSED] = "refused", [TRACE_ABSENT] = "absent", [TRACE_AWAITED] = "awaited"};

const struct trace_step_row *trace_step_row(enum trace_step step)
{
    return &steps[step];
}

const struct trace_cause_row *trace_cause_row(enum trace_cause cause)
{
    return &causes[cause];
}

const char *trace_outcome_text(enum trace_outcome outcome)
{
    return outcomes[outcome];
}

int trace_step_of(const char *name)
{
    for (int i = 0; i < TRACE_STEPS; i++) {
        if (strcmp(steps[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

int trace_outcome_of(const char *text)
{
    for (int i = TRACE_OK; i <= TRACE_AWAITED; i++) {
        if (strcmp(outcomes[i], text) == 0) {
            return i;
        }
    }
    return -1;
}

int trace_cause_of(const char *code)
{
    for (int i = 0; i < TRACE_CAUSES; i++) {
        if (strcmp(causes[i].code, code) == 0) {
            return i;
        }
    }
    return -1;
}
