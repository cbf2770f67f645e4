/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Targets without options: ACCEPT, DROP, RETURN, a rule without target, a jump. */
#include "extension/types.h"

const struct target_type target_accept = {.name = "ACCEPT", .modelled = true, .kind = TARGET_ACCEPT};
const struct target_type target_drop = {.name = "DROP", .modelled = true, .kind = TARGET_DROP};
const struct target_type target_return = {.name = "RETURN", .modelled = true, .kind = TARGET_RETURN};
const struct target_type target_none = {.name = "", .modelled = true, .kind = TARGET_CONTINUE};
const struct target_type target_jump = {.name = "", .modelled = true, .kind = TARGET_JUMP};
