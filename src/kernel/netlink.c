/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One netlink request and its answers. Every attribute is checked for its length before it is read. */
#include "kernel/netlink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* netlink(7): a dump message larger than the buffer is lost; the kernel uses at most 32 KiB. */
#define BUFFER_SIZE 65536
#define RESTARTS_MAX 10

static int request_once(int bus, struct nlmsghdr *request, mnl_cb_t receive, void *context)
{
	unsigned sequence = (unsigned)time(NULL) ^ (unsigned)(uintptr_t)request;
	struct mnl_socket *socket;
	char *buffer;
	ssize_t size;
	int result;

	socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (!socket)
		return -errno;
	buffer = malloc(BUFFER_SIZE);
	if (!buffer) {
		mnl_socket_close(socket);
		return -ENOMEM;
	}
	request->nlmsg_seq = sequence;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(socket, request, request->nlmsg_len) < 0) {
		result = -errno;
		goto out;
	}
	for (;;) {
		size = mnl_socket_recvfrom(socket, buffer, BUFFER_SIZE);
		if (size < 0) {
			if (errno == EINTR)
				continue;
			result = -errno;
			break;
		}
		errno = 0;
		result = mnl_cb_run(buffer, (size_t)size, sequence, mnl_socket_get_portid(socket), receive,
				    context);
		if (result < 0) {
			result = errno ? -errno : -EPROTO;
			break;
		}
		if (result == MNL_CB_STOP) {
			result = 0;
			break;
		}
	}
out:
	free(buffer);
	mnl_socket_close(socket);
	return result;
}

int netlink_request(int bus, struct nlmsghdr *request, mnl_cb_t receive, void (*restart)(void *context),
		    void *context)
{
	int tries, result = -EINTR;

	for (tries = 0; tries < RESTARTS_MAX; tries++) {
		/* libmnl gives EINTR for NLM_F_DUMP_INTR: the tables changed under the dump */
		result = request_once(bus, request, receive, context);
		if (result != -EINTR)
			return result;
		if (restart)
			restart(context);
	}
	return result;
}

struct collection {
	const struct nlattr **attributes;
	unsigned max;
};

static int collect(const struct nlattr *attribute, void *context)
{
	struct collection *collection = context;
	unsigned type = mnl_attr_get_type(attribute);

	if (type <= collection->max)
		collection->attributes[type] = attribute;
	return MNL_CB_OK;
}

void netlink_attributes(const struct nlmsghdr *message, size_t header, const struct nlattr **attributes,
			unsigned max)
{
	struct collection collection = {attributes, max};

	memset(attributes, 0, (max + 1) * sizeof(*attributes));
	if (mnl_nlmsg_get_payload_len(message) >= MNL_ALIGN(header))
		mnl_attr_parse(message, (unsigned)header, collect, &collection);
}

void netlink_nested(const struct nlattr *nest, const struct nlattr **attributes, unsigned max)
{
	struct collection collection = {attributes, max};

	memset(attributes, 0, (max + 1) * sizeof(*attributes));
	if (nest)
		mnl_attr_parse_nested(nest, collect, &collection);
}

void netlink_string(const struct nlattr *attribute, char *out, size_t size)
{
	size_t length = attribute ? mnl_attr_get_payload_len(attribute) : 0;

	if (length >= size)
		length = size - 1;
	if (length)
		memcpy(out, mnl_attr_get_payload(attribute), length);
	out[length] = 0;
}

uint32_t netlink_u32(const struct nlattr *attribute, uint32_t otherwise)
{
	return attribute && mnl_attr_get_payload_len(attribute) == sizeof(uint32_t)
		   ? mnl_attr_get_u32(attribute)
		   : otherwise;
}
