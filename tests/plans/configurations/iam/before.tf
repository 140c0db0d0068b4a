locals {
  account = "123456789012"
  bucket  = "arn:aws:s3:::example"
}
resource "aws_iam_role_policy" "caught_more_actions" {
  role   = "existing"
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Sid = "Objects", Effect = "Allow", Action = "s3:GetObject", Resource = "${local.bucket}/*" }] })
}
resource "aws_iam_policy" "caught_condition_gone" {
  name   = "one"
  policy = jsonencode({ Version = "2012-10-17", Statement = { Effect = "Allow", Action = ["sns:Publish"], Resource = "*", Condition = { StringEquals = { "aws:SourceAccount" = local.account } } } })
}
resource "aws_iam_policy" "caught_denial_gone" {
  name   = "two"
  policy = jsonencode({ Version = "2012-10-17", Statement = [
    { Effect = "Allow", Action = "s3:*", Resource = "*" },
    { Sid = "Keep", Effect = "Deny", Action = ["s3:DeleteObject", "s3:DeleteObjectVersion"], Resource = "${local.bucket}/audit/*" }] })
}
resource "aws_iam_policy" "caught_not_action" {
  name   = "three"
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", NotAction = ["iam:*", "organizations:*"], Resource = "*" }] })
}
resource "aws_iam_role" "caught_trust" {
  name               = "trusted"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { AWS = "arn:aws:iam::${local.account}:role/deployer" } }] })
}
resource "aws_sqs_queue_policy" "caught_other_account" {
  queue_url = "https://sqs.eu-central-1.amazonaws.com/123456789012/example"
  policy    = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sqs:SendMessage", Principal = { AWS = local.account }, Resource = "*" }] })
}
resource "aws_iam_role" "caught_boundary" {
  name                 = "bounded"
  permissions_boundary = "arn:aws:iam::123456789012:policy/boundary"
  assume_role_policy   = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }] })
}
resource "aws_iam_policy" "near_rewritten" {
  name   = "four"
  policy = jsonencode({ Version = "2012-10-17", Statement = [
    { Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject"], Resource = ["${local.bucket}/a/*", "${local.bucket}/b/*"] },
    { Effect = "Allow", Action = "s3:ListBucket", Resource = local.bucket }] })
}
resource "aws_iam_policy" "near_narrower" {
  name   = "five"
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "dynamodb:*", Resource = "*" }] })
}
resource "aws_iam_policy" "near_denied_anyway" {
  name   = "six"
  policy = jsonencode({ Version = "2012-10-17", Statement = [
    { Effect = "Allow", Action = "s3:GetObject", Resource = "*" },
    { Effect = "Deny", Action = "s3:Put*", Resource = "*" }] })
}
resource "aws_iam_role_policy" "near_on_what_is_new" {
  role   = "existing"
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sqs:SendMessage", Resource = "arn:aws:sqs:eu-central-1:${local.account}:old" }] })
}
resource "aws_sqs_queue" "old" { name = "old" }
