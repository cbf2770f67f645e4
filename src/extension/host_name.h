/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Names in the place of addresses, as iptables takes them: it asks the resolver, and loads what it said then.
 * Here only files of this machine are asked, /etc/networks and /etc/hosts, and every answer is told: a file
 * read elsewhere, or tomorrow, may mean something else. DNS is never asked. */
#ifndef WEIR_EXTENSION_HOST_NAME_H
#define WEIR_EXTENSION_HOST_NAME_H

#include "packet/address.h"
#include "ruleset/rule_parser.h"

#define HOST_NAME_MAX_SIZE 255
#define HOST_NAMES_MAX 1024 /* of one file: each takes reading /etc/hosts, which may be long */

struct host_addresses {
	address *addresses; /* not NULL */
	size_t count;       /* not 0 */
};

/* What the name stands for in the parser's family: numbers that only getaddrinfo() knows (0xc0000201,
 * 10.1.65535, fe80::1%lo) without a word, names with a warning at `word`. `networks`: names of /etc/networks,
 * too. 0; -ENOENT without a diagnostic when there is none; -EINVAL with a diagnostic; -ENOMEM. */
int host_name_resolve(struct rule_parser *parser, const struct word *word, struct text name, bool networks,
		      struct host_addresses *found);
void host_addresses_fini(struct host_addresses *found);

/* Why a name that is in no file is not taken; what to write in its place goes behind it. */
#define HOST_NAME_HINT "names are looked up in /etc/hosts alone, as what DNS says may change"

#endif
