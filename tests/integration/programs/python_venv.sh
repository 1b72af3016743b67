# Python: a virtual environment with pip in it.
# limit: 180
set -eu
cd /tmp
python3 -m venv env && . env/bin/activate
python -c 'import sys; print(sys.prefix)'
mkdir -p pkg/hello && cat > pkg/hello/__init__.py <<'P'
def say(): print("hello from an installed package")
P
pip --version | cut -d' ' -f1,3-6
cp -r pkg/hello env/lib/python3.11/site-packages/ && python -c 'import hello; hello.say()'
pip list --format=freeze 2>/dev/null | cut -d= -f1 | sort
