/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the files of early_apply.h share. */
#ifndef WEIR_COMMAND_EARLY_PRIVATE_H
#define WEIR_COMMAND_EARLY_PRIVATE_H

#include "command/attaching.h"
#include "command/early_apply.h"

/* The last word on a device counts. */
void early_tell(struct early_report *report, const char *device, enum early_verb verb, const char *words);
/* Of several lines the first, without the device's name in front. */
void early_tell_first(struct early_report *report, const char *device, enum early_verb verb,
		      const struct buffer *why);
struct early_result *early_find(struct early_report *report, const char *device);

/* Whose program is at the device. */
enum presence {
	PRESENT_NONE,
	PRESENT_FOREIGN, /* a program that is not weir's */
	PRESENT_LIVE,    /* weir's, for the rules of iptables */
	PRESENT_UNKNOWN, /* weir's, of another version or damaged */
	PRESENT_APPLIED, /* weir's, for applied rules */
};
int early_look(const struct link *link, struct attachment *attachment, enum presence *presence);

/* Why what is attached no longer holds, in words: of the host, and of the rules. NULL: it does. */
int early_find_stale(struct arena *arena, const struct attachment *attachment, const struct host *host,
		     uint64_t fingerprint, const char **of_host, const char **of_rules);
/* Whether the host is what it was, not only no worse. */
bool early_same_facts(const struct attachment *attachment, const struct host *host);
int early_take_away(const char *device, int ifindex, const char *reason, struct early_report *report,
		    struct buffer *why);

/* Whether no rule hangs on what is counted elsewhere than on the rules, so that XDP may count members of sets
 * in place of the kernel. */
bool early_counts(const struct ruleset *ruleset);
/* For applied rules, with nothing but what the host says. `within`: struct region_options. */
struct attaching early_attaching(const char *device, const struct ruleset *ruleset,
				 const struct ruleset *within);

#endif
