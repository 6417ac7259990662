#!/bin/sh
# app-server-loss break LOSS SECONDS ADDRESS  breaks this app server, whose private address that is, in one way and says
#                                             when. It mends itself after so many seconds: whoever broke it may be gone
# app-server-loss mend                        says when, and makes good whatever was broken; harmless where nothing was
set -eu
export LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
here=/run/dukaan-drill
app='dukaan-api@*.service'
socket=/run/dukaan/api.sock
filler=/var/tmp/dukaan-drill
mender=dukaan-drill-mend

point_socket() { # target
  ln -sfn "$1" "$socket.new"
  mv -T "$socket.new" "$socket"
}

interface_of() { # address
  ip -o -4 address | awk -v address="$1" 'index($4, address "/") == 1 { print $2 }'
}

break_it() { # loss, private address
  case $1 in
  frozen)
    date +%s.%N
    systemctl kill --signal=STOP "$app"
    ;;
  slow)
    date +%s.%N
    systemd-run --quiet --collect --unit=dukaan-drill-slow sh -c \
      "while :; do systemctl kill --signal=STOP '$app'; sleep 2; systemctl kill --signal=CONT '$app'; sleep 0.02; done"
    ;;
  network)
    interface=$(interface_of "$2")
    [ -n "$interface" ] || {
      echo "no interface has the private address $2" >&2
      exit 1
    }
    date +%s.%N
    nft -f - <<END
table inet dukaan_drill {
  chain arriving { type filter hook prerouting priority -400; iifname "$interface" drop; }
  chain leaving { type filter hook postrouting priority 400; oifname "$interface" drop; }
}
END
    ;;
  disk)
    date +%s.%N
    # Allocated and not written, in ever smaller pieces, until there is no block left.
    : >"$filler"
    for piece in 1073741824 67108864 4194304 262144 16384 4096; do
      while fallocate --offset "$(stat --format=%s "$filler")" --length "$piece" "$filler" 2>/dev/null; do :; done
    done
    ;;
  errors)
    real=$(readlink -f "$socket")
    systemd-run --quiet --collect --unit=dukaan-drill-errors --uid=dukaan --property=UMask=0007 \
      /opt/dukaan/releases/api/current/node "$here/failing-app.mjs" "$real" /run/dukaan/drill.sock
    tries=100
    until [ -S /run/dukaan/drill.sock ]; do
      tries=$((tries - 1))
      [ "$tries" -gt 0 ] || {
        echo "the app that fails did not start" >&2
        exit 1
      }
      sleep 0.1
    done
    date +%s.%N
    basename "$real" >"$here/socket"
    point_socket drill.sock
    ;;
  *)
    echo "unknown loss $1" >&2
    exit 64
    ;;
  esac
}

case $1 in
break)
  systemd-run --quiet --collect --unit="$mender" --on-active="$3" --timer-property=AccuracySec=1s sh "$0" mend
  break_it "$2" "$4"
  ;;
mend)
  date +%s.%N
  systemctl stop dukaan-drill-slow.service 2>/dev/null || true
  systemctl kill --signal=CONT "$app" 2>/dev/null || true
  nft delete table inet dukaan_drill 2>/dev/null || true
  rm -f "$filler"
  if [ -s "$here/socket" ]; then
    # A release may have moved it meanwhile.
    [ "$(readlink "$socket")" != drill.sock ] || point_socket "$(cat "$here/socket")"
    rm "$here/socket"
  fi
  systemctl stop dukaan-drill-errors.service 2>/dev/null || true
  rm -f /run/dukaan/drill.sock
  systemctl stop "$mender.timer" 2>/dev/null || true
  ;;
*)
  echo "unknown step $1" >&2
  exit 64
  ;;
esac
