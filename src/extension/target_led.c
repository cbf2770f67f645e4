/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * LED: lights a lamp for a while; goes on: net/netfilter/xt_LED.c. */
#include "extension/guided.h"
#include "extension/types.h"

#include <errno.h>
#include <strings.h>

