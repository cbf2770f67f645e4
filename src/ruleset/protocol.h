/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Names of IP protocols as Debian's /etc/protocols and iptables' own table have them. Built in, so that a
 * dump reads the same on a machine without that file. */
#ifndef WEIR_RULESET_PROTOCOL_H
#define WEIR_RULESET_PROTOCOL_H

#include "base/text.h"

/* A name in either case or a number to 255; "all" and "ip" are 0. 0 or -EINVAL. */
int protocol_parse(struct text text, uint8_t *protocol);
/* As iptables-save prints it; NULL where that prints the number. */
const char *protocol_name(uint8_t protocol);

#endif
