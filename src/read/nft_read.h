/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * nftables' rulesets as texts of iptables-save and ipset save, and so as the same ruleset structure as every
 * other input.
 *
 * What is read: tables of the families ip, ip6 and inet. Their base chains become the built-in chains of the
 * tables that iptables has at their priorities. What has no words in iptables becomes a match or a target
 * that is not known. */
#ifndef WEIR_READ_NFT_READ_H
#define WEIR_READ_NFT_READ_H

#include "base/diagnostic.h"
#include "ruleset/ruleset.h"

struct nft_texts {
	struct buffer rules[FAMILY_COUNT]; /* empty: no table holds packets of that family */
	struct buffer sets;
};

struct nft_choice {
	const char *table; /* of tables of that name; NULL: of all */
	bool as_written;   /* members have all of their time left, whatever has passed since they came */
	const struct ruleset *beside; /* the names of its sets are given to no other; NULL: none */
};

/* The JSON that `nft -j list ruleset` prints; choice may be NULL. 0, -EINVAL with diagnostics, -ENOMEM. */
int nft_read_json(struct text json, const char *name, const struct nft_choice *choice,
		  struct diagnostics *sink, struct nft_texts *texts);
void nft_texts_fini(struct nft_texts *texts);
/* The same as a ruleset. */
int rules_load_nft(struct text json, const char *name, const struct nft_choice *choice,
		   struct diagnostics *sink, struct ruleset **ruleset);

/* By content: {"nftables": ...}; a script, by its first words or its name. */
bool nft_is_json(struct text text);
bool nft_is_script(struct text text, const char *name);

/* What nft(8) lists as JSON once it has loaded the script into a network namespace of its own, which nobody
 * else sees, and which is gone then. `name` is the script's, for messages. 0; -EINVAL with what nft says of
 * the script; -ENOENT, -EPERM and others with a diagnostic. */
int nft_scratch_list(struct text script, const char *name, struct diagnostics *sink, struct buffer *json);

/* What `nft -j -n list WORDS...` prints in this network namespace, words NULL-terminated; `terse`: sets with
 * names without their members. 0; -ENOENT without a word when there is no nft; another -errno with a
 * diagnostic. */
int nft_live_list(const char *const *words, bool terse, struct diagnostics *sink, struct buffer *json);

/* What nft(8) said of a script that it had on its standard input, in one line: each complaint with the words
 * of the script that it is about. */
void nft_complaints_print(struct text said, struct text script, struct buffer *out);

#endif
