/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a service tells the service manager that has started it: sd_notify(3), by its protocol. */
#ifndef WEIR_DAEMON_NOTIFY_H
#define WEIR_DAEMON_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* "READY=1", lines of these. Where nobody wants to know, or the message is lost, nothing happens. */
void notify_send(const char *message);

/* How often "WATCHDOG=1" is wanted, in ns: 0: not at all. */
uint64_t notify_watchdog(void);

/* Whether standard error goes to the journal, which takes the severity of a line from "<3>" in front of it.
 */
bool notify_has_journal(void);

#endif
