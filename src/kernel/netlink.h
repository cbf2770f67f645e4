/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One netlink request and its answers. */
#ifndef WEIR_KERNEL_NETLINK_H
#define WEIR_KERNEL_NETLINK_H

#include <libmnl/libmnl.h>
#include <stddef.h>

#define NETLINK_REQUEST_MAX 512 /* bytes of a request; all of ours are far shorter */

struct nlattr;

/* Sends `request` on a new socket of that bus (NETLINK_ROUTE, NETLINK_NETFILTER) and gives each message that
 * answers it to `receive`, which returns MNL_CB_OK to go on. 0, or -errno (also what the kernel's error
 * message says). A dump that the kernel says was interrupted is begun again: `restart`, when not NULL, must
 * forget what was received. */
int netlink_request(int bus, struct nlmsghdr *request, mnl_cb_t receive, void (*restart)(void *context),
		    void *context);

/* Fills attributes[type] for each attribute with type <= max; others are skipped. Validates lengths only. */
void netlink_attributes(const struct nlmsghdr *message, size_t header, const struct nlattr **attributes,
			unsigned max);
void netlink_nested(const struct nlattr *nest, const struct nlattr **attributes, unsigned max);
/* Copies a string attribute, cut to fit; "" for NULL. */
void netlink_string(const struct nlattr *attribute, char *out, size_t size);
/* Number of an attribute of exactly that size; `otherwise` for NULL or another size. */
uint32_t netlink_u32(const struct nlattr *attribute, uint32_t otherwise);

#endif
