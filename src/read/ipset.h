/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the parts of the ipset reader share: lines (ipset_save.c), create (ipset_create.c), entries
 * (ipset_entry.c) and members (ipset_member.c). Nobody outside read/ includes it. */
#ifndef WEIR_READ_IPSET_H
#define WEIR_READ_IPSET_H

#include "read/reader.h"

#define SET_NAME_MAX 31         /* IPSET_MAXNAMELEN - 1 */
#define SET_TIMEOUT_MAX 2147483 /* IPSET_MAX_TIMEOUT, include/linux/netfilter/ipset/ip_set.h */

struct builder; /* a set being filled */

struct ipset_reader {
	struct ruleset *ruleset;
	struct diagnostics *sink;
	struct arena *scratch; /* lives as long as the reading */
	const struct source *source;
	struct name_index *builders;
	struct builder *last; /* adds of one set stand together */
	struct words words;
	struct builder **touched; /* sets that got members since the last flush of all */
	size_t touched_count, touched_capacity;
	size_t expanded; /* members that ranges of hash:ip,port stood for */
};

struct builder {
	struct set *set;
	uint64_t elements; /* as the kernel counts them against maxelem */
	bool full;         /* said already */
	bool touched;      /* is in reader->touched */
	uint32_t *slots;   /* hash of the members: index + 1, 0 free */
	size_t slot_count, used;
	uint64_t seed;
};

/* What one entry stands for: addresses low..high at one protocol and ports first..last. */
struct entry {
	address low, high;
	uint8_t prefix; /* of a single prefix or address; undefined for a range */
	bool is_range;
	uint8_t protocol;
	uint16_t first_port, last_port;
};

__attribute__((format(printf, 4, 5))) struct diagnostic *
ipset_error(struct ipset_reader *reader, struct span span, const char *code, const char *format, ...);

/* "create NAME TYPE ..." without its first word and -exist. Each 0, -EINVAL after a diagnostic, -ENOMEM. */
int ipset_create(struct ipset_reader *reader, const struct word *words, size_t count, bool exist);
/* The ENTRY of add or del, for a set of a modelled type. */
int ipset_entry(struct ipset_reader *reader, const struct set *set, const struct word *word,
		struct entry *entry);
/* Numbers with a limit, as the argument of an option. */
int ipset_number(struct ipset_reader *reader, const struct word *word, const char *what, uint64_t min,
		 uint64_t max, uint64_t *number);

/* Adds all that the entry stands for; timeout, timed, nomatch and span are taken from `member`. */
int builder_add(struct ipset_reader *reader, struct builder *builder, const struct entry *entry,
		const struct set_member *member, const struct word *word);
int builder_remove(struct ipset_reader *reader, struct builder *builder, const struct entry *entry,
		   const struct word *word);
void builder_flush(struct builder *builder);
/* Closes the gaps that removed members left. */
void builder_finish(struct builder *builder);

#endif
