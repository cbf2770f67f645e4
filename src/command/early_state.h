/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a state says of early drop: its devices, and its rules with the members that its sets have in the
 * kernel, as weir set changes them. */
#ifndef WEIR_COMMAND_EARLY_STATE_H
#define WEIR_COMMAND_EARLY_STATE_H

#include "kernel/nft_image.h"
#include "kernel/state_store.h"
#include "ruleset/ruleset.h"

#define STATE_EARLY "early" /* a file of a state: its devices */
/* The rules as they were read: `weir diff DIRECTORY/states/NUMBER ...` takes them. */
#define STATE_SETS "ipsets"
extern const char *const state_rule_files[FAMILY_COUNT];

/* Devices with a name in a policy, in its order. */
struct early_device {
	struct interface_match name; /* wg* is "wg" and wildcard */
	bool off;                    /* xdp off */
};
struct early_devices {
	size_t count, capacity;
	struct early_device *list;
};

/* Those of the ruleset's policies; rules of others have none. 0 or -ENOMEM. */
int early_devices_of(struct arena *arena, const struct ruleset *ruleset, struct early_devices *devices);
void early_devices_print(const struct early_devices *devices, struct buffer *out);
/* Of a state; number 0, and one that has no such file: none. -EBADMSG and others, in words in `why`. */
int early_devices_read(struct state_store *store, struct arena *arena, uint32_t number,
		       struct early_devices *devices, struct buffer *why);
/* Whether something is to be dropped early there: it is named, and nowhere with xdp off. */
bool early_devices_want(const struct early_devices *devices, const char *name);

/* The rules that the tables of the image are: those of the state, where the image differs from it in members
 * of sets alone. Number 0: none, where there are no tables. -ESTALE: the tables are others, in words in
 * `why`. -ENOMEM, -EBADMSG and others. The arena must stay as long as the rules. */
int early_state_rules(struct state_store *store, struct arena *arena, uint32_t number,
		      const struct nft_image *image, struct ruleset **ruleset, struct buffer *why);

#endif
