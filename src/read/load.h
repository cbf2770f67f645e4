/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * RULES... arguments: files recognised by content, a directory in the layout of /etc/iptables, or --live. */
#ifndef WEIR_READ_LOAD_H
#define WEIR_READ_LOAD_H

#include "base/diagnostic.h"
#include "ruleset/ruleset.h"

/* Reads all of them into one ruleset. Sets are read first, so that rules may use them whatever the order of
 * the arguments; chains are linked, checked for loops and ordered. A file is ipset save (its first word is
 * create or add, or it has "create" lines), else iptables-save; of which family its comments say, else its
 * addresses, matches and targets (of both: an error that says so), else its name. A directory: rules.v4,
 * rules.v6, ipsets (each may be missing, not all); without them rules.nft. Returns 0; -EINVAL with
 * diagnostics; -ENOMEM; another -errno with a diagnostic when a file cannot be read. */
int rules_load(const char *const *paths, size_t count, struct diagnostics *sink, struct ruleset **ruleset);

/* The same, policies with the members that their feeds had last: copies at FEED_DIRECTORY/NAME. NULL: none.
 */
int rules_load_feeds(const char *const *paths, size_t count, const char *feed_directory,
		     struct diagnostics *sink, struct ruleset **ruleset);

/* The same of texts that are at hand; they are copied. The names stand in messages, and must stay. */
struct rules_text {
	const char *name;
	struct text text;
};
int rules_load_texts(const struct rules_text *texts, size_t count, struct diagnostics *sink,
		     struct ruleset **ruleset);

/* What iptables-legacy-save, iptables-nft-save, their IPv6 forms and `ipset save` print in this network
 * namespace. Where both flavours hold rules, in tables of different names, these are one ruleset, as the
 * kernel runs tables at the same priorities in both; a warning says so. A table of which both hold rules is
 * an error: each packet meets both, and there is one of each name here. -ENOENT with a diagnostic when a
 * program is missing. */
int rules_load_live(struct diagnostics *sink, struct ruleset **ruleset);

/* The same, with weir's own tables of nftables. Where iptables has no rule, and no policy of DROP, these are
 * the rules, without sets of ipset. Where both hold rules, in tables of different names, they are one
 * ruleset, as above. */
#define LIVE_TABLE "weir"
struct live_request {
	struct text applied; /* what `nft -j list table` prints of weir's own; empty: there are none */
	bool apart;          /* to be shown, not to be judged by: what the same packets meet besides */
};

struct live_rules {
	struct ruleset *ruleset;
	/* Of `apart`; else NULL. */
	struct ruleset *beside;  /* what iptables-nft holds of a family where iptables-legacy holds rules in a
				    table of the same name */
	struct ruleset *applied; /* weir's own tables where iptables holds rules, too */
};
int rules_load_live_request(struct diagnostics *sink, const struct live_request *request,
			    struct live_rules *rules);
void live_rules_fini(struct live_rules *rules);

#endif
