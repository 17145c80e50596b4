"""Two seconds of real VP8 720p30 at about 1.2 Mbit/s and of real Opus, as RTP payloads."""

import fractions

import av
import numpy as np

MTU = 1100
SECONDS, FPS, WIDTH, HEIGHT, BITRATE = 2, 30, 1280, 720, 1_450_000
Frames = list[list[bytes]]


def make() -> dict[str, Frames]:
    """`{"audio": …, "video": …}`: per frame, the payloads of its packets (RFC 7587; RFC 7741)."""
    return {"audio": [[packet] for packet in _opus()], "video": [_packets(frame) for frame in _vp8()]}


def _vp8() -> list[bytes]:
    """A moving pattern; a keyframe first, and none after it."""
    codec = av.CodecContext.create("libvpx", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    codec.bit_rate, codec.framerate = BITRATE, fractions.Fraction(FPS)
    codec.time_base, codec.gop_size = fractions.Fraction(1, FPS), SECONDS * FPS
    codec.options = {
        "deadline": "realtime",
        "cpu-used": "8",
        "lag-in-frames": "0",
        "minrate": str(BITRATE),
        "maxrate": str(BITRATE),
    }
    noise = np.random.default_rng(1).integers(0, 255, (HEIGHT // 8, WIDTH // 4, 3), dtype=np.uint8)
    texture = noise.repeat(8, axis=0).repeat(8, axis=1)
    frames = []
    for number in range(SECONDS * FPS):
        picture = np.ascontiguousarray(np.roll(texture, -4 * number, axis=1)[:, :WIDTH])
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        frame.pts = number
        frames += [bytes(packet) for packet in codec.encode(frame)]
    return frames + [bytes(packet) for packet in codec.encode(None)]


def _packets(frame: bytes) -> list[bytes]:
    """Descriptor of one byte: S on the first packet of the frame."""
    parts = [frame[at : at + MTU] for at in range(0, len(frame), MTU)]
    return [(b"\x10" if index == 0 else b"\x00") + part for index, part in enumerate(parts)]


def _opus() -> list[bytes]:
    codec = av.CodecContext.create("libopus", "w")
    assert isinstance(codec, av.AudioCodecContext)
    codec.sample_rate, codec.layout, codec.format, codec.bit_rate = 48_000, "stereo", "s16", 32_000
    codec.time_base = fractions.Fraction(1, 48_000)
    time = np.arange(SECONDS * 48_000) / 48_000
    sound = (8000 * np.sin(2 * np.pi * 1000 * time)).astype(np.int16).repeat(2)
    packets = []
    for number in range(SECONDS * 50):
        samples = sound[number * 1920 : (number + 1) * 1920].reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
        frame.sample_rate, frame.pts = 48_000, number * 960
        packets += [bytes(packet) for packet in codec.encode(frame)]
    return packets


if __name__ == "__main__":
    found = make()
    octets = sum(len(part) for frame in found["video"] for part in frame)
    packets = sum(len(frame) for frame in found["video"])
    print(
        f"{octets * 8 / SECONDS / 1e6:.2f} Mbit/s, {packets / SECONDS:.0f} video packets/s, {len(found['audio'])} audio"
    )
