/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * TRACE: each rule that the packet matches from here on is logged; goes on: net/netfilter/xt_TRACE.c. */
#include "extension/types.h"

const struct target_type target_trace = {
    .name = "TRACE",
    .modelled = true,
    .kind = TARGET_CONTINUE,
    .effects = EFFECT_LOG,
    .tables = 1 << TABLE_RAW,
};
