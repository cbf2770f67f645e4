/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Targets without options: ACCEPT, DROP, RETURN, a rule without target, a jump. */
#include "extension/types.h"

const struct target_type target_accept = {.name = "ACCEPT", .modelled = true, .kind = TARGET_ACCEPT};
/* do_parse() of iptables: "The nat table is not intended for filtering". As its policy it may stand there. */
const struct target_type target_drop = {
    .name = "DROP",
    .modelled = true,
    .kind = TARGET_DROP,
    .tables = 1 << TABLE_RAW | 1 << TABLE_MANGLE | 1 << TABLE_FILTER | 1 << TABLE_SECURITY,
};
const struct target_type target_return = {.name = "RETURN", .modelled = true, .kind = TARGET_RETURN};
const struct target_type target_none = {.name = "", .modelled = true, .kind = TARGET_CONTINUE};
const struct target_type target_jump = {.name = "", .modelled = true, .kind = TARGET_JUMP};
