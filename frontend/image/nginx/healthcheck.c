/*
 * The static image's health check, because the image contains neither curl nor a shell. Exits with 0 when nginx
 * returns 200 for HEALTH_PATH on PORT within four seconds.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *environment(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

static int fail(const char *what) {
    fprintf(stderr, "%s %s\n", environment("HEALTH_PATH", "/health"), what);
    return 1;
}

int main(void) {
    char text[512], answer[64] = "";
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                               .sin_port = htons((in_port_t)atoi(environment("PORT", "8080")))};
    alarm(4);
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connection < 0 || connect(connection, (struct sockaddr *)&here, sizeof here))
        return fail("cannot be reached: no server is listening");
    int length = snprintf(text, sizeof text, "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n",
                          environment("HEALTH_PATH", "/health"));
    if (length >= (int)sizeof text || write(connection, text, (size_t)length) != length ||
        recv(connection, answer, sizeof answer - 1, MSG_WAITALL) <= 0)
        return fail("was not answered");
    if (strncmp(answer, "HTTP/1.", 7) || strncmp(answer + 8, " 200 ", 5)) return fail("was not answered with 200");
    return 0;
}
