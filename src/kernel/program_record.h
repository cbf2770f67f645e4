/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is attached, on record in /run/weir/program-ID: a program's description without its rules. The kernel
 * gives a program away by its id to none but those with CAP_SYS_ADMIN; whoever has CAP_NET_ADMIN alone, as
 * the daemon, can tell by the record that it is weir's and whether it still holds, take it away, and put
 * another in its place. */
#ifndef WEIR_KERNEL_PROGRAM_RECORD_H
#define WEIR_KERNEL_PROGRAM_RECORD_H

#include "kernel/meta.h"

/* Written before the program is attached. Without it nobody is worse off than without the file: 0 or -errno.
 */
int program_record(uint32_t id, const struct meta *meta);
/* -ENOENT: there is none. malloc()ed; what meta_open() takes. */
int program_recall(uint32_t id, void **data, size_t *size);
/* Removes the record, and those of programs that are gone. */
void program_forget(uint32_t id);

#endif
