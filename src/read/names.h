/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Names that iptables knows, modelled here or not, and the nearest of them to a mistyped one. */
#ifndef WEIR_READ_NAMES_H
#define WEIR_READ_NAMES_H

#include "base/text.h"
#include "packet/packet.h"

enum name_origin {
	NAME_UNKNOWN,
	NAME_DEBIAN, /* comes with iptables: no chain may be called so */
	NAME_ADDON,  /* comes with xtables-addons and the like: a chain of that name goes before it */
};

enum name_origin target_name_known(struct text name, enum family family);
enum name_origin match_name_known(struct text name, enum family family);

/* The name with the fewest edits (insert, delete, replace, swap), when they are few for its length; else
 * NULL. */
const char *nearest_name(struct text name, const char *const *names, size_t count);
const char *nearest_target(struct text name, enum family family);
const char *nearest_match(struct text name, enum family family);
/* Over the options of rules, and of matches and targets that come with iptables. */
const char *nearest_option(struct text name);

#endif
