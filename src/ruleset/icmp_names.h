/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Names of ICMP types as ipset has them: lib/icmp.c and lib/icmpv6.c. iptables has others. */
#ifndef WEIR_RULESET_ICMP_NAMES_H
#define WEIR_RULESET_ICMP_NAMES_H

#include "base/text.h"
#include "packet/packet.h"

/* The name of type << 8 | code that ipset prints, NULL: it has none. */
const char *icmp_set_name(enum family family, uint16_t type_and_code);
/* 0 or -ENOENT. */
int icmp_set_parse(enum family family, struct text name, uint16_t *type_and_code);

#endif
