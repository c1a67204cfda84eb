using FlowCut.Models.Imaging;

namespace FlowCut.Cli.Tests;

public class TerminalPictureTests
{
    [Fact]
    public void Two_pixels_are_a_half_block_in_their_colours()
    {
        var picture = new RgbImage(1, 2, [255, 0, 10, 0, 128, 255]);
        Assert.Equal("\u001b[38;2;255;0;10m\u001b[48;2;0;128;255m▀\u001b[0m\n", TerminalPicture.Draw(picture, 40, TerminalPicture.Colors.Direct));
        // 16 + 36·5 + 0 + 0; 16 + 6·2 + 5
        Assert.Equal("\u001b[38;5;196m\u001b[48;5;33m▀\u001b[0m\n", TerminalPicture.Draw(picture, 40, TerminalPicture.Colors.Cube));
    }

    [Theory]
    [InlineData(896, 448, 40, 10)]
    [InlineData(30, 30, 40, 15)]
    [InlineData(1000, 1, 40, 1)]
    public void It_fits_the_columns_and_keeps_the_shape(int width, int height, int columns, int lines)
    {
        var text = TerminalPicture.Draw(new RgbImage(width, height, new byte[3 * width * height]), columns, TerminalPicture.Colors.Direct);
        Assert.Equal(lines, text.Count(c => c == '\n'));
        Assert.Equal(lines * Math.Min(columns, width), text.Count(c => c == '▀'));
    }

    [Theory]
    [InlineData("xterm-256color", "truecolor", "", nameof(TerminalPicture.Colors.Direct))]
    [InlineData("xterm-256color", "", "", nameof(TerminalPicture.Colors.Cube))]
    [InlineData("xterm-direct", "", "", nameof(TerminalPicture.Colors.Direct))]
    [InlineData("dumb", "", "", nameof(TerminalPicture.Colors.None))]
    [InlineData("xterm-256color", "truecolor", "1", nameof(TerminalPicture.Colors.None))]
    public void Colours_are_what_the_terminal_says(string terminal, string colour, string none, string expected) =>
        Assert.Equal(expected, TerminalPicture.ColorsOf(name => name switch { "TERM" => terminal, "COLORTERM" => colour, "NO_COLOR" => none, _ => null }).ToString());
}
