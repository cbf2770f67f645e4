/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir set: what its files share. */
#ifndef WEIR_COMMAND_SET_H
#define WEIR_COMMAND_SET_H

#include "command/set_lists.h"
#include "kernel/nft_member.h"

#include <linux/netfilter/nf_tables.h>

#define SET_CANDIDATES 3 /* names that one set may have in the kernel */

/* What the command line asks for. */
struct set_asked {
	const char *name;
	char candidates[FAMILY_COUNT][SET_CANDIDATES][NFT_NAME_MAXLEN];
	uint64_t now;               /* seconds since 1970, from which their times count */
	size_t count[FAMILY_COUNT]; /* members, sorted */
	struct nft_member *members[FAMILY_COUNT];
	struct policy_elements elements[FAMILY_COUNT]; /* the same, with ranges of ports */
};

/* Members from the command line, each with what stands behind it (timeout TIME, until TIME, comment TEXT), or
 * "-" from standard input, as list files have them. `join`: without those that others hold. `timeout`: of
 * those that say none, in seconds. EXIT_DONE or the exit code. */
int set_members_read(struct arena *arena, const char *const *arguments, size_t count,
		     enum policy_set_type type, bool join, uint32_t timeout, struct set_asked *asked);
/* "192.0.2.0/24", "192.0.2.3-192.0.2.9 . tcp 443" */
void set_member_text(const struct nft_shape *shape, const struct nft_member *member, struct buffer *out);
/* The comment of an element, into text; false: it has none. */
bool set_member_comment(const struct nft_element *element, char comment[256]);

#endif
