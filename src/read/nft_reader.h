/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Inside read/: what the files share that turn the JSON of nft(8) into the texts of iptables-save and ipset
 * save.
 *
 * What a packet meets must be the same in those texts. What they have no words for becomes a match or a
 * target that nobody knows ("-m nft --expression ...", "-j NFT --statement ..."): it may match or not, and do
 * anything. */
#ifndef WEIR_READ_NFT_READER_H
#define WEIR_READ_NFT_READER_H

#include "base/diagnostic.h"
#include "packet/address.h"
#include "read/nft_read.h"
#include "ruleset/name_index.h"
#include "ruleset/ruleset.h"

#include <json-c/json.h>

#define NFT_AXES_MAX 16        /* conditions of one rule that have alternatives */
#define NFT_LINES_MAX 4096     /* made of one rule */
#define NFT_SEGMENTS_MAX 16    /* parts of one rule, cut behind what counts */
#define NFT_TARGETS_MAX 16     /* statements of one rule that do something */
#define NFT_ADDRESSES_MAX 8    /* conditions of one rule on one address */
#define NFT_EXPANDED_MAX 65536 /* ports of a member's range, prefixes of a range */

/* --- The JSON, indexed: nft_index.c */

enum nft_table_family { NFT_IP, NFT_IP6, NFT_INET, NFT_OTHER };

struct nft_table {
	enum nft_table_family family;
	const char *name;
	int64_t handle;
};

struct nft_chain {
	struct nft_table *table;
	const char *name;
	int64_t handle;
	bool base;
	enum hook hook;
	const char *type; /* "filter", "nat", "route" */
	int64_t priority;
	bool drops; /* policy */
	size_t rule_count, rule_capacity;
	struct json_object **rules;
	unsigned hooks[FAMILY_COUNT]; /* from which it is reached */
	size_t number;
};

struct nft_set {
	struct nft_table *table;
	const char *name;
	struct json_object *json;
	bool changed;    /* rules add to it, or delete */
	bool unfollowed; /* ... in a way that the target SET has no words for */
	bool timed;      /* some element ends in time */
};

/* A named limit and its kind. */
struct nft_object {
	struct json_object *json;
	size_t uses;
};

struct nft_reader {
	struct arena *arena;
	struct diagnostics *sink;
	struct span nowhere; /* a source of the file's name, for messages */
	struct nft_choice choice;
	struct json_object *root;
	size_t table_count, table_capacity, chain_count, chain_capacity, set_count, set_capacity;
	struct nft_table **tables;
	struct nft_chain **chains;
	struct nft_set **sets;
	struct name_index *table_index, *chain_index, *set_index, *limit_index;
	struct name_index *skipped;   /* tables and chains that are passed over */
	struct name_index *set_names; /* taken, of ipset's */
	struct name_index *set_cache; /* names of those that were written, by what they are of */
	size_t set_number, set_lines;
	struct name_index *names[FAMILY_COUNT][TABLE_COUNT]; /* taken, of chains */
	bool present[FAMILY_COUNT];                          /* some table holds packets of it */
	bool conntrack[FAMILY_COUNT];                        /* is in use, and puts fragments together */
	size_t copy_count[FAMILY_COUNT], copy_capacity[FAMILY_COUNT];
	struct nft_copy **copies[FAMILY_COUNT];
	struct name_index *copy_index;
	size_t lines;
	size_t texts_cut; /* too long to be told: each is one of its own */
	struct buffer set_text;
	size_t errors; /* there were before */
	bool failed;   /* memory */
};

struct json_object *listing_get(struct json_object *object,
				const char *key);       /* NULL: not an object, no such key */
const char *listing_string(struct json_object *object); /* NULL: not a string */
bool listing_number(struct json_object *object, uint64_t max,
		    uint64_t *number); /* a number or a string of one */
/* The only key of an object, and its value. */
const char *listing_only_key(struct json_object *object, struct json_object **value);
/* 0, -EINVAL with diagnostics, -ENOMEM. */
int listing_index(struct nft_reader *reader);
struct nft_chain *listing_find_chain(const struct nft_reader *reader, const struct nft_table *table,
				     const char *name);
/* "@name" */
struct nft_set *listing_find_set(const struct nft_reader *reader, const struct nft_table *table,
				 const char *reference);
struct nft_object *listing_find_limit(const struct nft_reader *reader, const struct nft_table *table,
				      const char *name);
bool listing_table_has(const struct nft_table *table, enum family family);
__attribute__((format(printf, 4, 5))) void listing_error(struct nft_reader *reader, const char *code,
							 const char *hint, const char *format, ...);

/* --- Values: nft_value.c */

struct nft_ranges {
	size_t count, capacity;
	struct address_range
	    *ranges; /* ascending, apart from each other, once listing_ranges_sort() was called */
};
int listing_ranges_add(struct arena *arena, struct nft_ranges *ranges, address low, address high);
void listing_ranges_sort(struct nft_ranges *ranges);
struct nft_ranges listing_ranges_not(struct arena *arena, const struct nft_ranges *ranges, address max);
struct nft_ranges listing_ranges_and(struct arena *arena, const struct nft_ranges *a,
				     const struct nft_ranges *b);
/* The length of the prefix that the range is, -1: none. */
int listing_range_prefix(enum family family, struct address_range range);

enum nft_key {
	NFT_SADDR,
	NFT_DADDR,
	NFT_SPORT,
	NFT_DPORT,
	NFT_PROTOCOL,
	NFT_TYPE,
	NFT_CODE,
	NFT_STATE,    /* as bits */
	NFT_NFPROTO,  /* 4, 6 */
	NFT_FRAGMENT, /* offset */
	NFT_IN,
	NFT_OUT,
	NFT_MARK,
	NFT_CTMARK,
	NFT_PKTTYPE,
	NFT_UID,
	NFT_GID,
	NFT_FLAGS,
	NFT_MAC,
	NFT_TTL,
	NFT_LENGTH,
	NFT_DSCP,
	NFT_FIB_SOURCE, /* types of addresses */
	NFT_FIB_DESTINATION,
	NFT_FIB_DESTINATION_IN,
	NFT_CTSTATUS,
	NFT_NUMGEN,
	NFT_OTHER_KEY,
};

/* What targets may change. */
#define NFT_CHANGEABLE                                                                                       \
	(1u << NFT_MARK | 1u << NFT_CTMARK | 1u << NFT_TTL | 1u << NFT_LENGTH | 1u << NFT_DSCP |             \
	 1u << NFT_CTSTATUS | 1u << NFT_STATE | 1u << NFT_OTHER_KEY)

/* What a condition looks at. */
struct nft_left {
	enum nft_key key;
	unsigned families;  /* of packets that it can be true of, as 1 << enum family */
	int protocol;       /* whose header it stands in; -1: none */
	bool transport;     /* in the header behind IP's */
	enum family family; /* of the addresses */
	address max, mask;  /* mask: of &, else max */
	unsigned numgen_mod;
	bool numgen_random;
};

void listing_left(struct json_object *json, struct nft_left *left);
/* One value of that key, not a set. False: not known. */
bool listing_value_range(const struct nft_left *left, struct json_object *json, struct address_range *range);
/* For flags: the bits of a value or a list of them. */
bool listing_value_bits(const struct nft_left *left, struct json_object *json, uint32_t *bits);
/* Without what an element has besides: its comment, its counter. */
struct json_object *listing_element_value(struct json_object *element);
/* A name of the interfaces, "eth*" too. False: not one that iptables can name. */
bool listing_interface(struct json_object *json, struct buffer *out);
int listing_state_bits(
    struct json_object *json); /* of ct state: 1 invalid 2 established 4 related 8 new 64; 0: no */

/* --- Text of what has no words: nft_words.c */

/* As nft(8) writes it, about; the same for the same. */
void listing_words(struct json_object *json, struct buffer *out);
/* " -m nft --expression \"...\"" */
void listing_opaque(struct nft_reader *reader, struct json_object *json, const char *more,
		    struct buffer *out);
void listing_quote(const char *text, size_t size, struct buffer *out);

/* --- Conditions: nft_condition.c (what they are), nft_options.c (as options) */

struct nft_axis {
	size_t count, capacity;
	char **options; /* each " -i eth0" */
};

/* Conditions that all hold, between two that count. */
struct nft_segment {
	bool never;
	bool ranged[NFT_STATE]; /* by key: is asked */
	struct nft_ranges ranges[NFT_STATE];
	size_t address_count[2];
	struct nft_ranges addresses[2][NFT_ADDRESSES_MAX];
	bool th;                  /* ports, of whatever protocol */
	unsigned states;          /* of ct state; 0x80: not asked */
	int fragment;             /* enum fragment_match */
	struct buffer slots[4];   /* -s, -d, -i, -o that are said in full */
	struct buffer connection; /* options of -m conntrack besides the states */
	struct buffer matches;    /* further matches */
	struct nft_axis axes[NFT_AXES_MAX];
	size_t axis_count;
	struct nft_axis excludes; /* none of them is true */
	struct buffer last;       /* what counts: evaluated behind the others */
	struct buffer last_not;   /* what counts, and must not match */
};

struct nft_target {
	struct buffer text; /* " -j LOG ...", "" */
	struct nft_copy *jump;
	bool is_goto, is_return, ends; /* ends: no rule behind it is met */
	bool tcp;                      /* asks for -p tcp in its line */
};

/* A rule as it is being translated, for one family. */
struct nft_rule {
	struct nft_reader *reader;
	struct nft_copy *copy;
	struct nft_table *table;
	enum family family;
	bool late;      /* as later fragments meet it */
	bool transport; /* some condition looks behind IP's header */
	bool never;
	bool unknown_order; /* too many parts */
	size_t segment_count, target_count;
	struct nft_segment segments[NFT_SEGMENTS_MAX];
	struct nft_target targets[NFT_TARGETS_MAX];
	unsigned changed; /* 1 << enum nft_key that the statements change */
	unsigned asked;   /* 1 << enum nft_key */
	bool opaque_asked;
	/* Of these options later fragments are all matched, in iptables, where nftables has another rule for
	 * them: see nft_place.c. */
	const char *not_for_late;
	uint64_t packets, bytes;
	const char *comment;
	/* One match or map of which each element makes a rule of its own: it, how many, and which one now. */
	struct json_object *expanded;
	size_t expanded_count, pick;
	bool no_expansion; /* what counts would count in each of them */
	bool opaque_end;   /* what it does cannot be said: anything */
	bool at_last;      /* the statement at hand is the last one */
	bool guarded;      /* synproxy is asked what SYNPROXY takes, and no more */
};

/* Whether that one stands before a synproxy, the rule's last, that does with it what SYNPROXY does: see
 * nftables/target.c. */
bool listing_guards_synproxy(struct json_object *statements, size_t number);

/* The segment to add to: a new one when the last has something that counts. */
struct nft_segment *listing_segment(struct nft_rule *rule);
void listing_match(struct nft_rule *rule, struct json_object *match);
/* key == value, of an element of a map or set. False: cannot be said. */
bool listing_match_value(struct nft_rule *rule, struct json_object *key, struct json_object *value);
void listing_match_opaque(struct nft_rule *rule, struct json_object *json, const char *more);
/* Something that counts, or may. */
void listing_match_stateful(struct nft_rule *rule, const char *options, bool inverted);
/* nft_special.c. False: not one of those, and nothing was asked. */
bool listing_match_special(struct nft_rule *rule, struct json_object *match);
void listing_ask_protocol(struct nft_rule *rule, int protocol); /* -1: any */
void listing_axis_add(struct nft_rule *rule, struct nft_axis *axis, const char *options);
/* false: no -m set can say it. Adds the set to the text. */
bool listing_match_set(struct nft_rule *rule, struct json_object *key, struct json_object *elements,
		       struct nft_set *named, bool inverted);
/* The set's name with the directions of that key, "a src,dst"; adds the set to the text. */
bool listing_set_reference(struct nft_rule *rule, struct json_object *key, struct json_object *elements,
			   struct nft_set *named, struct buffer *out);
/* The element that is this turn's, where each makes a rule of its own; NULL: that cannot be. */
struct json_object *listing_expand(struct nft_rule *rule, struct json_object *what,
				   struct json_object *elements);

/* One segment as options. `fixed` of all lines, `axes` of alternatives that exclude each other; false: not
 * sayable. inlined: behind what counts, so that no option of the rule's own can be had. */
struct nft_printed {
	struct buffer header, matches;
	struct nft_axis axes[NFT_AXES_MAX];
	size_t axis_count;
	bool never;
};
bool listing_print_segment(struct nft_rule *rule, struct nft_segment *segment, bool inlined, int protocol,
			   struct nft_printed *out);
void listing_printed_fini(struct nft_printed *printed);
void listing_not_late(struct nft_rule *rule, struct nft_segment *segment);

/* --- Statements: nft_statement.c */
void listing_statement(struct nft_rule *rule, const char *name, struct json_object *value);
void listing_verdict(struct nft_rule *rule, struct json_object *verdict);
/* A target as options; ends: no rule behind it is met. */
void listing_put(struct nft_rule *rule, const char *options, bool ends);
/* -j NFT: anything may happen, and it may go on. */
void listing_put_unknown(struct nft_rule *rule, struct json_object *statement);
bool listing_has_flag(struct json_object *flags, const char *flag);
/* Of it no more is known than that the packet goes on. */
void listing_effect(struct nft_rule *rule, struct json_object *json);

/* nft_nat.c */
void listing_reject(struct nft_rule *rule, struct json_object *value, struct json_object *statement);
void listing_nat(struct nft_rule *rule, const char *name, struct json_object *value,
		 struct json_object *statement);
bool listing_put_addresses(struct nft_rule *rule, struct json_object *json, bool brackets,
			   struct buffer *out);
void listing_write(struct nft_rule *rule, struct json_object *value, struct json_object *statement);
/* nft_count.c */
void listing_add_to_set(struct nft_rule *rule, struct json_object *value, struct json_object *statement);
void listing_limit(struct nft_rule *rule, struct json_object *value, struct json_object *statement);
void listing_count_unknown(struct nft_rule *rule, struct json_object *statement);

/* --- Chains: nft_chain.c */

struct nft_line {
	char *options; /* " -s 192.0.2.1/32 -m ..." */
	char *late;    /* what is left of them for later fragments; NULL: all */
	char *target;  /* " -j DROP" or "" */
	struct nft_copy *jump;
	bool is_goto, transport;
	uint64_t packets, bytes;
};

/* A chain of nftables in a table of iptables. */
struct nft_copy {
	struct nft_chain *chain; /* NULL: made for a part of a rule */
	enum family family;
	enum table_id table;
	char *name;
	bool builtin;
	/* What returning comes to: the end of the base chain, that is its policy, and with an accepting one
	 * what follows at this place (`next`, NULL: nothing). Without `ends`: whoever called. */
	bool ends, drops;
	struct nft_copy *next;     /* accepting goes on there; NULL: accepts */
	bool closes;               /* ends with the verdict, as a line */
	bool late;                 /* for later fragments of IPv6 alone */
	bool no_late;              /* for all but those */
	struct nft_copy *for_late; /* of a base chain: where those go */
	struct json_object *guard; /* and what sends them there */
	unsigned hooks;
	size_t line_count, line_capacity;
	struct nft_line *lines;
	bool part;             /* made for a part of a rule, which comes there by a jump */
	bool hidden;           /* says what another says, and is not printed */
	struct nft_copy *twin; /* nft_place.c: compared with */
};

/* The chain as `from` calls it; made when it is not there, and its rules are translated later. at_end: what
 * it returns to is the end of `from`. NULL: memory, or too many. */
struct nft_copy *listing_copy_of(struct nft_reader *reader, struct nft_chain *chain,
				 const struct nft_copy *from, bool at_end);
/* For a part of a rule. */
struct nft_copy *listing_copy_part(struct nft_reader *reader, const struct nft_copy *beside);
struct nft_copy *listing_copy_base(struct nft_reader *reader, struct nft_chain *chain, enum family family,
				   enum table_id table, bool builtin, struct nft_copy *next, bool last);
void listing_line_add(struct nft_reader *reader, struct nft_copy *copy, struct nft_line line);
/* Lines of which one matches where the source port is one of some, and the next where it is not, but the
 * destination port is: as one, for what it asks besides is one question then. */
void listing_lines_join(struct nft_reader *reader, struct nft_copy *copy);
/* Hooks from which each chain is reached. */
void listing_reach(struct nft_reader *reader);
void listing_chains_print(struct nft_reader *reader, enum family family, struct buffer *out);
/* nft_place.c: base chains to built-in ones, and all that they call. */
int listing_place(struct nft_reader *reader, enum family family);
/* nft_rule.c: lines of the rule, into the copy. */
void listing_rule_translate(struct nft_reader *reader, struct nft_copy *copy, struct json_object *json);

#endif
