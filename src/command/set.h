/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir set: what its files share. */
#ifndef WEIR_COMMAND_SET_H
#define WEIR_COMMAND_SET_H

#include "kernel/nft_member.h"

#include <linux/netfilter/nf_tables.h>

#define SET_CANDIDATES 3 /* names that one set may have in the kernel */

/* What the command line asks for. */
struct set_asked {
	const char *name;
	char candidates[FAMILY_COUNT][SET_CANDIDATES][NFT_NAME_MAXLEN];
	size_t count[FAMILY_COUNT]; /* members, sorted */
	struct nft_member *members[FAMILY_COUNT];
};

/* Members from the command line, `join`: without those that others hold, or "-" from standard input, as list
 * files have them. EXIT_DONE or the exit code. */
int set_members_read(struct arena *arena, const char *const *arguments, size_t count, bool ports, bool join,
		     struct set_asked *asked);
/* "192.0.2.0/24", "192.0.2.3-192.0.2.9 . tcp 443" */
void set_member_text(const struct nft_shape *shape, const struct nft_member *member, struct buffer *out);
/* The comment of an element, into text; false: it has none. */
bool set_member_comment(const struct nft_element *element, char comment[256]);

#endif
