/* openapi.json as the program carries it; CMake makes the bytes. */
#ifndef PARTNER_OPENAPI_BYTES_H
#define PARTNER_OPENAPI_BYTES_H

#include <stddef.h>

extern const unsigned char openapi_bytes[];
extern const size_t openapi_size;

#endif
