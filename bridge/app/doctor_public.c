/* The way in: what a stranger sees at public.url. */
#include <string.h>

#include "app/doctor.h"
#include "base/err.h"
#include "base/json.h"

static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

void doctor_public_url(struct doctor *d, struct doctor_finding *f)
{
    const char *url = d->config->public.url;
    if (!d->has_url) {
        doctor_say(f, DOCTOR_FAILED, "set public.url; `lightbridge setup` asks for it",
                   "public.url is not set: SmartThings has no way in");
    } else if (!d->https) {
        doctor_say(f, DOCTOR_FAILED, "give the bridge a name and a certificate, and set public.url to https://NAME",
                   "%s is not https: SmartThings refuses to register it", url);
    } else if (is_loopback(d->url.host)) {
        doctor_say(f, DOCTOR_FAILED, "set public.url to the name under which this house is reached from outside",
                   "%s leads nowhere but to this machine: SmartThings cannot reach it", url);
    } else if (!doctor_port_ok(d->url.port)) {
        doctor_say(f, DOCTOR_FAILED, "use port 443", "SmartThings connects to ports 80 to 8002 only, not to %u",
                   (unsigned)d->url.port);
    } else if (d->probe.result == ERR_NOT_FOUND) {
        doctor_say(f, DOCTOR_FAILED, "make the name's DNS entry (A or AAAA), or correct public.url",
                   "the name of %s does not resolve here: %s", url, d->probe.why);
    } else if (d->probe.result == ERR_OFFLINE) {
        doctor_say(
            f, DOCTOR_FAILED,
            "forward the port in the router, let it through the firewall, start the proxy; where only the router "
            "does not lead back into the house, say --connect H:P with the address inside",
            "nothing can be reached at %s: %s", url, d->probe.why);
    } else {
        doctor_say(f, DOCTOR_OK, "", "%s, %s%s", url, d->connect_to ? "asked at " : "at ", d->probe.address);
    }
}

void doctor_tls(struct doctor *d, struct doctor_finding *f)
{
    const struct probe *p = &d->probe;
    if (p->result != 0) {
        doctor_say(
            f, DOCTOR_FAILED,
            "set public.tls, or let the proxy in front of the bridge speak TLS on that port (--ca-file must be PEM)",
            "%s", p->why);
    } else if (p->old_version) {
        doctor_say(f, DOCTOR_FAILED, "allow TLS 1.2 and 1.3 in the proxy", "only %s is spoken, which is broken",
                   p->version);
    } else {
        doctor_say(f, DOCTOR_OK, "", "%s", p->version);
    }
}

void doctor_chain(struct doctor *d, struct doctor_finding *f)
{
    const struct probe *p = &d->probe;
    if (p->trusted) {
        doctor_say(f, DOCTOR_OK, "", "%zu certificates, trusted", p->count);
    } else if (p->self_signed) {
        doctor_say(f, DOCTOR_FAILED, "get one of a public authority, Let's Encrypt for example",
                   "the certificate is self-signed: SmartThings trusts public authorities only");
    } else if (p->count == 1) {
        doctor_say(
            f, DOCTOR_FAILED, "serve the whole chain: fullchain.pem in place of cert.pem",
            "the server sends its own certificate alone, and not that of its issuer (%s): browsers often make up "
            "for that, SmartThings does not",
            p->chain[0].issuer);
    } else {
        doctor_say(f, DOCTOR_FAILED, "get a certificate of a public authority, and serve its whole chain",
                   "the chain leads to nobody who is trusted here: %s", p->trust_text);
    }
}

void doctor_certificate_name(struct doctor *d, struct doctor_finding *f)
{
    const struct probe *p = &d->probe;
    if (p->name_ok) {
        doctor_say(f, DOCTOR_OK, "", "for %s", d->url.host);
    } else {
        doctor_say(f, DOCTOR_FAILED, "get a certificate for the name in public.url, or correct public.url",
                   "the certificate is not for %s but for %s", d->url.host, *p->names ? p->names : p->chain[0].subject);
    }
}

void doctor_expiry(struct doctor *d, struct doctor_finding *f)
{
    int64_t until = INT64_MAX;
    for (size_t i = 0; i < d->probe.count; i++) {
        until = d->probe.chain[i].until_s < until ? d->probe.chain[i].until_s : until;
    }
    int64_t left = until - d->now_s, days = left / 86400;
    enum doctor_verdict verdict = doctor_judge_expiry(until, d->now_s);
    if (left <= 0) {
        doctor_say(f, verdict, "renew it now, and see why that does not happen by itself",
                   "a certificate of the chain has expired: nothing connects any more");
    } else if (verdict == DOCTOR_OK) {
        doctor_say(f, verdict, "", "good for %lld days", (long long)days);
    } else {
        doctor_say(f, verdict,
                   days >= 14 ? "see that it is renewed by itself: that usually happens now"
                              : "renew it by hand: what should have done it by itself did not",
                   "the certificate ends in %lld days; then every light is gone from the app", (long long)days);
    }
}

void doctor_bridge(struct doctor *d, struct doctor_finding *f)
{
    const char *own = json_get_text(d->status, "instance");
    if (d->probe.old_version) {
        doctor_say(f, DOCTOR_SKIPPED, "", "not asked: the version of TLS comes first");
    } else if (d->answer == ERR_DENIED) {
        doctor_say(f, DOCTOR_SKIPPED, "", "not asked: the certificate comes first");
    } else if (d->answer != 0) {
        doctor_say(f, DOCTOR_FAILED, "see that the proxy leads to public.listen", "GET /healthz got no answer: %s",
                   str_z(&d->answer_why));
    } else if (d->instance.len == 0) {
        doctor_say(f, DOCTOR_FAILED, "see that the proxy leads to public.listen and passes on all paths and headers",
                   "what answers there (status %d) is no lightbridge", d->answer_status);
    } else if (!own || strcmp(own, str_z(&d->instance)) != 0) {
        doctor_say(f, DOCTOR_FAILED, "lead the name to this machine, or stop the other one",
                   "another lightbridge answers there, not the one on this machine");
    } else {
        doctor_say(f, DOCTOR_OK, "", "it leads to this bridge");
    }
}

void doctor_callback_hosts(struct doctor *d, struct doctor_finding *f)
{
    static const char fix[] =
        "see to the name resolution, the time and the firewall of this machine: it must be let out to "
        "port 443";
    if (d->rehearsed) {
        doctor_say(f, DOCTOR_SKIPPED, "", "callback_hosts lists this machine, so nothing outside is asked");
    } else if (d->asked == 0) {
        doctor_say(f, DOCTOR_SKIPPED, "", "smartthings.redirect_uris names no host of SmartThings");
    } else if (d->reached < d->asked) {
        doctor_say(f, d->reached == 0 ? DOCTOR_FAILED : DOCTOR_WARNING, fix,
                   "%u of %u hosts of SmartThings cannot be reached, so changes cannot be told: %s",
                   d->asked - d->reached, d->asked, str_z(&d->unreached));
    } else {
        doctor_say(f, DOCTOR_OK, "", "%u reached", d->reached);
    }
}
