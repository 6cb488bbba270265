/* systemd's readiness and watchdog protocol, sd_notify(3): a datagram to $NOTIFY_SOCKET. Nothing where it is unset. */
#ifndef APP_NOTIFY_H
#define APP_NOTIFY_H

#include <stdint.h>

/* "READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=..." */
void notify_send(const char *message);
/* Half of $WATCHDOG_USEC in milliseconds if it is meant for this process, 0 without a watchdog. */
uint64_t notify_watchdog_ms(void);

#endif
