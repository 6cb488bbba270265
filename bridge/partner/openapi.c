/* GET /v1/openapi.json. */
#include "partner/internal.h"
#include "partner/openapi_bytes.h"

void partner_openapi(struct http_exchange *x, void *context)
{
    struct str body = STR_INIT;
    (void)context;
    str_add(&body, openapi_bytes, openapi_size);
    http_answer(x, 200, JSON_TYPE, &body);
}
