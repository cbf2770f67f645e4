/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Inside nftables/: what the files of nft_print() share. */
#ifndef WEIR_NFTABLES_PRIVATE_H
#define WEIR_NFTABLES_PRIVATE_H

#include "extension/extension.h"
#include "nftables/nft.h"

/* One condition. A rule is its conditions, then what it does. */
struct nft_part {
	struct buffer key; /* "tcp dport"; or all of it, when value is empty */
	struct buffer value;
	bool exact; /* key is value, one value: a verdict map may ask it */
};

#define NFT_PARTS_MAX 40

struct nft_rule {
	size_t part_count;
	bool transport;  /* a condition looks at the header behind IP's */
	bool stateful;   /* a condition counts, or remembers: it is asked where it stands */
	bool single;     /* it counts for this rule alone: a copy of the rule would count by itself */
	bool connection; /* a -m conntrack asked for more than states */
	/* One rule may take several, of which a packet matches one at most: as many as this, made one after
	 * the other with nft->variant. `absent`: this one matches nothing. `later`: only later fragments. */
	unsigned variants;
	bool absent, later;
	struct nft_part parts[NFT_PARTS_MAX];
	struct buffer comment;
	struct buffer action;  /* what comes before the verdict: "log", "meta mark set 1" */
	struct buffer verdict; /* "accept", "jump X"; empty: goes on */
};

struct nft {
	const struct ruleset *ruleset;
	struct diagnostics *sink;
	struct buffer *out;
	bool refused, failed; /* failed: memory */
	bool counters;        /* rules have counted, or are to */
	const struct nft_options *options;
	/* IPv6: some rule looks at the header behind IP's, and later fragments take chains of their own. */
	bool transport, split, later;
	bool joined;           /* connections are tracked, and fragments put together before any rule */
	unsigned variant;      /* see struct nft_rule */
	struct buffer objects; /* limits, by name, which a rule of IPv6 and its copy share; sets of addresses
				  with limits */
	bool *sets_used;       /* by the set's number; of the family that is being printed */
};

struct nft_words {
	const struct rule *rule;
	struct text text;
	size_t at;
	struct buffer word; /* the last one read, without its quotes */
};

/* The next word of what iptables-save would print; false at the end. */
bool nft_word(struct nft_words *words);
static inline bool nft_word_is(const struct nft_words *words, const char *name)
{
	return text_is((struct text){words->word.data, words->word.size}, name);
}

/* Says that there are no words for this, of `span`. */
__attribute__((format(printf, 3, 4))) void nft_refuse(struct nft *nft, struct span span, const char *format,
						      ...);
/* A further condition; a buffer to write its value into, and its key as printf has it. NULL: too many. */
__attribute__((format(printf, 4, 5))) struct buffer *nft_part(struct nft *nft, const struct rule *rule,
							      struct nft_rule *to, const char *format, ...);
void nft_protocol(uint8_t protocol, struct buffer *out);
const char *nft_header(enum family family); /* "ip", "ip6" */
/* Letters, digits, "_", "-" and ".": what nft(8) takes as a name, behind a letter. */
bool nft_name_good(struct text name);
/* It can be written between quotation marks. */
bool nft_interface_good(const char *name);
/* "weir-v4-nets-1", or "set-NAME": a set of the user's may have the name of a word of the language. */
void nft_set_name(const struct set *set, struct buffer *out);

/* An option of a match as it is being read. */
struct nft_asked {
	struct nft *nft;
	const struct rule *rule;
	const struct match *match;
	struct nft_rule *to;
	struct nft_words *words;
	bool inverted;
};

/* nft_part() of the rule at hand. */
__attribute__((format(printf, 2, 3))) struct buffer *nft_ask(const struct nft_asked *asked,
							     const char *format, ...);
/* The last part has one value: a verdict map may ask it. */
void nft_exact(const struct nft_asked *asked);
/* " !=" when inverted. */
const char *nft_not(const struct nft_asked *asked);
/* The next word as a whole number up to `max`, in any base that C has, and what must come behind it: `end` is
 * where it ended; NULL: nothing may. */
bool nft_number(const char *text, uint64_t max, uint64_t *number, const char **end);
/* The rule takes that many rules. false: it takes several already. */
bool nft_variants(const struct nft_asked *asked, unsigned count);

/* An option that was read with its "!"; false: nftables has no words for it. */
typedef bool nft_option(struct nft_asked *asked);
/* match_header.c */
nft_option nft_match_ports, nft_match_multiport, nft_match_icmp, nft_match_length, nft_match_ttl,
    nft_match_dscp, nft_match_tos, nft_match_tcpmss;
/* match_host.c */
nft_option nft_match_iprange, nft_match_mark, nft_match_connmark, nft_match_mac, nft_match_pkttype,
    nft_match_addrtype, nft_match_owner, nft_match_devgroup, nft_match_cpu;
/* match_connection.c */
nft_option nft_match_state, nft_match_conntrack, nft_match_connbytes, nft_match_helper;
/* match_rate.c */
nft_option nft_match_limit, nft_match_statistic, nft_match_hashlimit;

/* IPv4: what was asked from part `at` on looks behind IP's header, which later fragments do not have. */
void nft_ask_whole(struct nft *nft, const struct rule *rule, struct nft_rule *to, size_t at);
/* match.c, target.c: append to the rule, or refuse it. */
void nft_match(struct nft *nft, const struct rule *rule, const struct match *match, struct nft_rule *to);
void nft_target(struct nft *nft, const struct rule *rule, struct nft_rule *to);
void nft_chain_name(const struct nft *nft, const struct chain *chain, struct buffer *out);
/* set.c */
bool nft_target_set(struct nft *nft, const struct rule *rule, struct nft_words *words, struct nft_rule *to);
void nft_match_set(struct nft *nft, const struct rule *rule, const struct match *match, struct nft_rule *to);
/* set_members.c */
void nft_sets(struct nft *nft, enum family family);
bool nft_set_type_known(const struct set *set);
/* Rules may add members to it, and take them out. */
bool nft_set_fillable(const struct set *set);
/* Such that ipset takes their ports for a member's. */
bool nft_protocol_has_ports(uint8_t protocol);

#endif
