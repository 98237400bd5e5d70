# sh inside.sh ROOT MODULE FOLDER PROGRAM...: runs the program in ROOT, in the module's FOLDER. The
# namespace of mounts is its own, and ROOT is its root: what engines mount goes with it.
set -e
root=$1 module=$2 folder=$3
shift 3
mkdir -p "$root/module" "$root/former"
mount --rbind "$root" "$root"
for dir in proc sys dev; do mount --rbind /$dir "$root/$dir"; done
mount -t tmpfs none "$root/tmp"
mount --bind -o ro "$module" "$root/module"
cd "$root"
pivot_root . former
umount -l /former
cd "/module/$folder"
exec "$@"
