/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A web server on loopback that gives the answers it was told to, one after another, and keeps what it was
 * asked. */
#ifndef WEIR_TEST_UNIT_FEED_SERVER_H
#define WEIR_TEST_UNIT_FEED_SERVER_H

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define ANSWERS_MAX 8
#define STALL 20000 /* ms at most; it ends when the client hangs up */

struct answer {
	const char *status;  /* "200 OK" */
	const char *headers; /* each with its \r\n */
	const char *body;
	bool cut;   /* less than its Content-Length says */
	bool stall; /* nothing behind the headers */
};

struct server {
	int listener;
	unsigned port;
	pthread_t thread;
	struct answer answers[ANSWERS_MAX];
	size_t count, served;
	char requests[ANSWERS_MAX][2048];
};

static inline void serve_one(struct server *server, int client)
{
	const struct answer *answer = &server->answers[server->served];
	char *request = server->requests[server->served], head[1024];
	size_t size = 0, body = answer->body ? strlen(answer->body) : 0;

	while (size < sizeof(server->requests[0]) - 1 && !strstr(request, "\r\n\r\n")) {
		ssize_t got = recv(client, request + size, sizeof(server->requests[0]) - 1 - size, 0);
		if (got <= 0)
			break;
		size += (size_t)got;
		request[size] = '\0';
	}
	int length =
	    snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n%s\r\n",
		     answer->status, body + (answer->cut ? 10 : 0), answer->headers ? answer->headers : "");
	server->served++;
	if (send(client, head, (size_t)length, MSG_NOSIGNAL) != length)
		return;
	if (answer->stall) {
		struct pollfd wait = {.fd = client, .events = POLLIN};
		poll(&wait, 1, STALL);
		return;
	}
	for (size_t at = 0; at < body;) {
		ssize_t sent = send(client, answer->body + at, body - at, MSG_NOSIGNAL);
		if (sent <= 0)
			return;
		at += (size_t)sent;
	}
}

static inline void *serve(void *context)
{
	struct server *server = context;

	while (server->served < server->count) {
		int client = accept(server->listener, NULL, NULL);
		if (client < 0)
			break;
		serve_one(server, client);
		close(client);
	}
	return NULL;
}

static inline void server_start(struct server *server, const struct answer *answers, size_t count)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);

	assert_true(count <= ANSWERS_MAX);
	memset(server, 0, sizeof(*server));
	memcpy(server->answers, answers, count * sizeof(*answers));
	server->count = count;
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(server->listener >= 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(server->listener, ANSWERS_MAX), 0);
	assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
	server->port = ntohs(address.sin_port);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static inline void server_stop(struct server *server)
{
	shutdown(server->listener, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->listener);
}

#endif
