/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What SET targets did to sets while a capture went through the engine, over what the input says is in them.
 * Exact for hash:ip and hash:ip,port with few members; of all else it says that it does not know. */
#ifndef WEIR_EXTENSION_SET_CHANGES_H
#define WEIR_EXTENSION_SET_CHANGES_H

#include "extension/set_reference.h"

enum set_change { SET_CHANGE_ADD, SET_CHANGE_RENEW, SET_CHANGE_DELETE }; /* --exist: RENEW */

#define SET_TIMEOUT_DEFAULT UINT32_MAX /* the set's own */

/* A SET target does that for the packet; `content` as in set_changes_test(). */
void set_changes_note(const struct set_reference *reference, const struct packet *packet,
		      const struct evaluation *evaluation, enum set_change change, uint32_t timeout,
		      enum truth content);
/* Whether the packet is in a set that SET targets change, where the input's content says `content`. */
enum truth set_changes_test(const struct set_reference *reference, const struct packet *packet,
			    const struct evaluation *evaluation, enum truth content);

#endif
