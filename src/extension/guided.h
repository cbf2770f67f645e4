/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Options from a table, as libxtables' guided parser reads them (xtables_option_parse()): a match or target
 * says what its options are called, what their arguments look like and what goes together; reading them,
 * refusing what iptables refuses, and printing the common forms is done here. Nobody above this folder
 * includes it. */
#ifndef WEIR_EXTENSION_GUIDED_H
#define WEIR_EXTENSION_GUIDED_H

#include "extension/option.h"

#define GUIDED_MAX 32 /* options of a match or target */

enum guide_kind {
	GUIDE_FLAG,   /* no argument */
	GUIDE_NUMBER, /* number: decimal, 0x hexadecimal or 0 octal, min to max */
	GUIDE_RANGE, /* N, N:M, N:, :M (open ends: 0 and max); number to second, ranged when there was a colon
		      */
	GUIDE_MASKED,       /* N or N/MASK: number, second (all bits of max without a mask) */
	GUIDE_STRING,       /* text; min to max bytes */
	GUIDE_ADDRESS,      /* one address, of the rule's family; no mask */
	GUIDE_ADDRESS_MASK, /* address, address/length or address/mask: the mask in `mask`; address unmasked
			     */
	GUIDE_PORT,         /* number or service name */
	GUIDE_PORT_RANGE,   /* as GUIDE_RANGE, of ports */
	GUIDE_PROTOCOL,     /* number or name */
	GUIDE_MAC,          /* 01:23:45:67:89:ab: bytes in `mac` */
	GUIDE_OWN,          /* guide.parse reads the argument */
};

struct guided_value {
	bool inverted;
	bool ranged; /* RANGE, PORT_RANGE: with a colon; MASKED: with a mask */
	uint64_t number, second;
	address address, mask;
	uint8_t mac[6];
	struct text text; /* the argument as it stood, quotes resolved */
	void *own;        /* what guide.parse kept */
};

enum guide_flag {
	GUIDE_INVERTIBLE = 1 << 0,
	GUIDE_MANDATORY = 1 << 1,
	GUIDE_REPEATED = 1 << 2, /* may be given again: the last one counts */
};

struct guide {
	const char *name; /* "--limit" */
	enum guide_kind kind;
	unsigned flags; /* enum guide_flag */
	uint64_t min, max;
	unsigned excludes; /* 1 << index of options that must not be there, too */
	unsigned needs;    /* 1 << index of options that must be there, too */
	/* GUIDE_OWN: reads `word`, the option's argument. 0 or -EINVAL with a diagnostic (guided_refuse()).
	 */
	int (*parse)(struct rule_parser *parser, const struct word *word, struct guided_value *value);
	const char *hint; /* what the argument looks like, for the error; NULL: a hint made from the kind */
};

/* Every match or target read by guides has this as its data, or at its data's start. */
struct guided {
	unsigned seen;               /* 1 << index */
	struct guided_value *values; /* one for each guide; made with the data, so never NULL */
};

static inline bool guided_seen(const struct guided *guided, unsigned index)
{
	return guided->seen >> index & 1;
}

static inline bool guided_inverted(const struct guided *guided, unsigned index)
{
	return guided->values[index].inverted;
}

/* As match_type.parse: `size` is that of the type's data, which begins with a struct guided; `count` guides.
 */
int guided_parse(struct rule_parser *parser, void **data, size_t size, const struct guide *guides,
		 size_t count);
/* 1 << index of the options taken so far, before and behind guided_parse(): what it adds is the one on offer.
 */
static inline unsigned guided_taken(const void *data)
{
	return data ? ((const struct guided *)data)->seen : 0;
}
/* As match_type.finish: mandatory options and those needed. `what` for messages: "-m limit", "MARK". Makes
 * the data when there was no option at all. */
int guided_finish(struct rule_parser *parser, void **data, size_t size, const struct guide *guides,
		  size_t count, struct span span, const char *what);
/* An error at the argument: "... is no value for --limit", with that hint. -EINVAL. */
int guided_refuse(struct rule_parser *parser, const struct word *word, const char *hint);

/* iptables cuts off a STRING that is longer than the kernel's field without a word: so does this. */
static inline void guided_cut(struct guided *guided, unsigned index, size_t size)
{
	if (guided->values[index].text.size > size)
		guided->values[index].text.size = size;
}

/* " --name VALUE", with " !" in front when inverted; nothing when the option was not seen. NUMBER and PORT in
 * decimal, RANGE as N or N:M, MASKED as 0xN or 0xN/0xM without the mask when it is all bits of max, STRING
 * quoted where need be, addresses as iptables-save prints them (a mask only when it is not full), MAC in
 * small letters. GUIDE_OWN prints value.text. */
void guided_print(const struct guided *guided, const struct guide *guides, unsigned index, enum family family,
		  struct buffer *out);
/* All that were seen, in the order of the table. */
void guided_print_all(const struct guided *guided, const struct guide *guides, size_t count,
		      enum family family, struct buffer *out);

/* strtoul() with base 0, whole text, at most max: how libxtables reads numbers (xtables_strtoul()). */
int guided_number(struct text text, uint64_t max, uint64_t *number);
/* value ^ inverted of the option, for a known comparison. */
static inline enum truth guided_truth(const struct guided *guided, unsigned index, bool value)
{
	return truth_of(value != guided_inverted(guided, index));
}

#endif
