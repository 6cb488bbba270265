/* RFC 7636: S256, and no way around it. */
#include "oauth/pkce.h"
#include "unit/oauth/rig.h"

/* Appendix B, and what is near it. */
static void test_vectors(void **state)
{
    (void)state;
    char longest[PKCE_VERIFIER_MAX + 2];
    assert_null(pkce_problem(CHALLENGE, VERIFIER));
    assert_null(pkce_problem(NULL, NULL));
    static const char *const wrong[] = {
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXj",  /* another */
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjX",   /* 42: 4.1 asks for 43 */
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk=", /* no unreserved character */
        CHALLENGE,                                      /* what plain would take */
        "",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_non_null(pkce_problem(CHALLENGE, wrong[i]));
    }
    memset(longest, 'a', sizeof longest);
    longest[PKCE_VERIFIER_MAX + 1] = 0;
    assert_non_null(strstr(pkce_problem(CHALLENGE, longest), "43 to 128"));
    longest[PKCE_VERIFIER_MAX] = 0;
    assert_non_null(strstr(pkce_problem(CHALLENGE, longest), "does not fit"));
}

static void test_challenges(void **state)
{
    (void)state;
    assert_true(pkce_challenge_ok(CHALLENGE));
    assert_false(pkce_challenge_ok(""));
    assert_false(pkce_challenge_ok("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c"));
    assert_false(pkce_challenge_ok("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM="));
    assert_false(pkce_challenge_ok("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cN")); /* bits beyond the hash */
    assert_false(pkce_challenge_ok("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM")); /* the other alphabet */
}

/* 4.6, and RFC 9700 2.1.1, 4.8.2: neither side can leave its part out. A refusal changes nothing. */
static void test_no_downgrade(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    assert_int_equal(add_client(rig, "dash", NULL).result, 0);
    struct answer with = allow_for(rig, "dash", CHALLENGE), without = allow_for(rig, "dash", NULL);
    struct answer a = redeem_for(rig, "dash", with.code, APP_CALLBACK, NULL);
    assert_int_equal(a.result, ERR_DENIED);
    assert_non_null(strstr(a.refusal, "code_verifier is missing"));
    struct trace_finding finding;
    assert_true(trace_finding(oauth_trace_of(with.link), &finding));
    assert_int_equal(finding.step, TRACE_TOKEN);
    assert_int_equal(finding.cause, CAUSE_CODE_VERIFIER);
    a = redeem_for(rig, "dash", with.code, APP_CALLBACK, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXj");
    assert_int_equal(a.result, ERR_DENIED);
    a = redeem_for(rig, "dash", without.code, APP_CALLBACK, VERIFIER);
    assert_int_equal(a.result, ERR_DENIED);
    assert_non_null(strstr(a.refusal, "had no code_challenge"));
    assert_int_equal(redeem_for(rig, "dash", with.code, APP_CALLBACK, VERIFIER).result, 0);
    assert_int_equal(redeem_for(rig, "dash", without.code, APP_CALLBACK, NULL).result, 0);
}

/* A replay by somebody who has the code and not the verifier neither gets anything nor ends the link. */
static void test_replay_without_the_verifier(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    assert_int_equal(add_client(rig, "app", NULL).result, 0);
    struct answer code = allow_for(rig, "app", CHALLENGE);
    struct answer pair = redeem_for(rig, "app", code.code, APP_CALLBACK, VERIFIER);
    assert_int_equal(verify(rig, pair.access), 0);
    assert_int_equal(redeem_for(rig, "app", code.code, APP_CALLBACK, NULL).result, ERR_DENIED);
    assert_int_equal(verify(rig, pair.access), 0);
    assert_int_equal(redeem_for(rig, "app", code.code, APP_CALLBACK, VERIFIER).result, ERR_ENDED);
    assert_int_equal(verify(rig, pair.access), ERR_ENDED);
}

/* The challenge survives a restart, and one that was cut out of the store is a damaged store, not a code without PKCE.
 */
static void test_kept(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    assert_int_equal(add_client(rig, "app", NULL).result, 0);
    struct answer code = allow_for(rig, "app", CHALLENGE);
    rig_restart(rig);
    assert_int_equal(redeem_for(rig, "app", code.code, APP_CALLBACK, NULL).result, ERR_DENIED);
    assert_int_equal(redeem_for(rig, "app", code.code, APP_CALLBACK, VERIFIER).result, 0);
    struct store_batch *batch = store_batch_new();
    store_batch_add(batch, "UPDATE links SET code_challenge = NULL", "");
    assert_int_equal(store_write(rig->store, batch), 0);
    rig_restart(rig);
    assert_int_equal(oauth_trouble(rig->oauth), ERR_CORRUPT);
}

/* RFC 6749 4.1.3: redirect_uri was in the request, so it is in this one. Only a client with a secret may forget it. */
static void test_redirect_uri(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    assert_int_equal(add_client(rig, "app", NULL).result, 0);
    struct answer code = allow_for(rig, "app", CHALLENGE);
    assert_int_equal(redeem_for(rig, "app", code.code, NULL, VERIFIER).result, ERR_DENIED);
    assert_int_equal(redeem_for(rig, "app", code.code, rig_callbacks[1], VERIFIER).result, ERR_DENIED);
    assert_int_equal(redeem_for(rig, "app", code.code, APP_CALLBACK, VERIFIER).result, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_vectors), T(test_challenges),   T(test_no_downgrade), T(test_replay_without_the_verifier),
        T(test_kept),    T(test_redirect_uri),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
