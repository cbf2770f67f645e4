/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Names of a packet's parts that more than one file needs. */
#include "packet/packet.h"

const char *connection_state_name(enum connection_state state)
{
	static const char *const names[STATE_COUNT] = {
	    [STATE_NEW] = "NEW",         [STATE_ESTABLISHED] = "ESTABLISHED", [STATE_RELATED] = "RELATED",
	    [STATE_INVALID] = "INVALID", [STATE_UNTRACKED] = "UNTRACKED",
	};
	return (unsigned)state < STATE_COUNT ? names[state] : "?";
}
